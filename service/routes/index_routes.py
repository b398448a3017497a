"""The indexes of the service, and what each of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from search.filters.columns import json_value
from service.answering import Chosen, answered, as_response, service_of
from service.plain import date_types, engine_plain, map_plain
from service.schema import answering

if TYPE_CHECKING:
    from search.engine import SearchEngine

router = APIRouter(tags=["indexes"])


@router.get("/v1/indexes", **answering("IndexesOut"))
async def indexes(request: Request) -> Response:
    """Names of the indexes, whether each is ready, which snapshot is served, and whether indexes can be changed."""
    service = service_of(request)
    listed = [
        {"name": each.served.name, "ready": each.ready, "problem": each.problem, "snapshot": each.snapshot}
        for each in service.indexes
    ]
    return as_response({"indexes": listed, "write": service.config.write})


@router.get("/v1/info", **answering("InfoOut"))
async def info(request: Request, index: Chosen) -> Response:
    """Size, encoder, segments, columns and calibration of an index, as `twinlens info --json` prints them."""
    return await answered(request, index, engine_plain)


@router.get("/v1/labels", **answering("LabelsOut"))
async def labels(request: Request, index: Chosen) -> Response:
    """Number of pictures by label."""
    return await answered(request, index, lambda engine: {"labels": engine.labels()})


@router.get("/v1/columns", **answering("ColumnsOut"))
async def columns(request: Request, index: Chosen) -> Response:
    """Types of the columns of metadata."""
    return await answered(request, index, lambda engine: {"columns": engine.columns()})


@router.get("/v1/values", **answering("ValuesOut"))
async def values(
    request: Request,
    index: Chosen,
    column: Annotated[str, Query(description="Name of a column.", examples=["label"])],
) -> Response:
    """The values of one column by the id of the picture."""

    def use(engine: SearchEngine) -> dict[str, Any]:
        found = engine.values(column)
        types = date_types({column: value} for value in found.values())
        return {"values": {str(number): json_value(value) for number, value in found.items()}, "types": types}

    return await answered(request, index, use)


@router.get("/v1/texts", **answering("TextsOut"))
async def texts(
    request: Request,
    index: Chosen,
    column: Annotated[str, Query(description="Name of a column of text.", examples=["camera"])],
    most: Annotated[int, Query(description="Most values of the answer.")] = 100,
) -> Response:
    """The different values of a column of text, sorted."""
    most = min(most, service_of(request).limits.listed)
    return await answered(request, index, lambda engine: {"texts": engine.texts(column, most)})


@router.get("/v1/map", **answering("KeptMapOut"))
async def kept_map(request: Request, index: Chosen) -> Response:
    """The map that `twinlens map --keep` stored, with all pictures of the index; null if none is kept."""

    def use(engine: SearchEngine) -> dict[str, Any]:
        kept = engine.map()
        return {"map": None if kept is None else map_plain(kept)}

    return await answered(request, index, use)
