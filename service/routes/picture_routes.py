"""The pictures of an index: their records, metadata, vectors and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from search.config import DecodeConfig
from search.errors import PictureError, QueryError
from search.pictures.decode import read_file
from search.pictures.formats import sniff
from service.answering import Chosen, answered, service_of
from service.bodies import receive
from service.examples import check_ids
from service.models import IdsIn
from service.plain import date_types, metadata_plain, record_plain
from service.problems import ProblemError
from service.schema import PICTURE_TYPES, answering, described, sending
from service.sent_pictures import Side, picture_response, small_jpeg

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.store.records import PictureRecord

router = APIRouter(tags=["pictures"])
After = Annotated[int, Query(description="Only pictures with a larger id.")]
Where = Annotated[str | None, Query(description="A filter.", examples=["label = label0"])]


@router.get("/v1/pictures", **answering("PicturesOut"))
async def pictures(
    request: Request,
    index: Chosen,
    after: After = 0,
    limit: Annotated[int, Query(description="Most pictures of the answer.", ge=0)] = 100,
) -> Response:
    """Records of pictures, by ascending id; the next page begins after the last of them."""
    most = min(limit, service_of(request).limits.listed)

    def use(engine: SearchEngine) -> dict[str, Any]:
        return {"pictures": [record_plain(each) for each in engine.pictures(after=after, limit=most)]}

    return await answered(request, index, use)


@router.get("/v1/pictures/{picture_id}", **answering("PictureOut"))
async def picture(request: Request, index: Chosen, picture_id: int) -> Response:
    """The record and the metadata of one picture."""

    def use(engine: SearchEngine) -> dict[str, Any]:
        record, values = _known(engine, picture_id), engine.metadata([picture_id]).get(picture_id, {})
        return {**record_plain(record), "metadata": metadata_plain(values), "types": date_types([values])}

    return await answered(request, index, use)


@router.get("/v1/pictures/{picture_id}/thumbnail", **sending("image/jpeg"))
async def small_picture(
    request: Request,
    index: Chosen,
    picture_id: int,
    side: Side = 320,
) -> Response:
    """A small JPEG of a picture, made from its file."""

    def use(engine: SearchEngine) -> Response:
        record = _known(engine, picture_id)
        etag = f'"{record.content}-{side}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        return small_jpeg(record.path, side, etag)

    return await answered(request, index, use)


@router.get("/v1/pictures/{picture_id}/image", **sending(*PICTURE_TYPES.values()))
async def image(request: Request, index: Chosen, picture_id: int) -> Response:
    """The file of a picture, unchanged."""
    most = service_of(request).limits.body

    def use(engine: SearchEngine) -> Response:
        record = _known(engine, picture_id)
        data = read_file(record.path, config=DecodeConfig(max_bytes=most))
        kind = sniff(data)
        if kind is None:  # an index from somebody else may name any file
            raise PictureError(str(record.path), "is no picture, and is not sent")
        return picture_response(data, PICTURE_TYPES[kind])

    return await answered(request, index, use)


@router.post("/v1/pictures:metadata", **described(IdsIn, "MetadataOut"))
async def metadata(request: Request, index: Chosen) -> Response:
    """Values of pictures by column; a picture without any may be missing."""
    body, limits = await receive(request), service_of(request).limits

    def use(engine: SearchEngine) -> dict[str, Any]:
        found = engine.metadata(check_ids(body.read(IdsIn).ids, limits))
        rows = {str(number): metadata_plain(values) for number, values in found.items()}
        return {"metadata": rows, "types": date_types(found.values())}

    return await answered(request, index, use)


@router.post("/v1/pictures:records", **described(IdsIn, "PicturesOut"))
async def records(request: Request, index: Chosen) -> Response:
    """Records of pictures by ascending id; ids that no picture has are left out."""
    body, limits = await receive(request), service_of(request).limits

    def use(engine: SearchEngine) -> dict[str, Any]:
        found = engine.pictures_of(check_ids(body.read(IdsIn).ids, limits))
        return {"pictures": [record_plain(each) for each in found]}

    return await answered(request, index, use)


@router.post("/v1/pictures:vectors", **described(IdsIn, "VectorsOut"))
async def vectors(request: Request, index: Chosen) -> Response:
    """The stored vectors of pictures, in the order of their ids."""
    body, limits = await receive(request), service_of(request).limits

    def use(engine: SearchEngine) -> dict[str, Any]:
        ids = check_ids(body.read(IdsIn).ids, limits)
        return {"dim": engine.dim, "vectors": engine.vectors_of(ids).tolist()}

    return await answered(request, index, use)


@router.get("/v1/ids", **answering("IdsOut"))
async def ids(request: Request, index: Chosen, where: Where = None) -> Response:
    """Ids of the pictures that match a filter, ascending; of all without one."""
    return await answered(request, index, lambda engine: {"ids": engine.ids(where)})


@router.get("/v1/count", **answering("CountOut"))
async def count(request: Request, index: Chosen, where: Where = None) -> Response:
    """Number of pictures that match a filter; of all without one."""
    return await answered(request, index, lambda engine: {"count": engine.count(where)})


def _known(engine: SearchEngine, picture_id: int) -> PictureRecord:
    try:
        return engine.picture(picture_id)
    except QueryError as error:
        raise ProblemError("unknown-picture", str(error)) from None
