"""Changes of an index: pictures, metadata and identities. Only with `--write`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response

import indexer
from indexer.metadata.file import metadata_of_rows
from search.config import BuildConfig, EnrollConfig
from service.answering import Chosen, changed, may_write, service_of
from service.bodies import receive
from service.examples import check_number, crop_of, invalid
from service.models import AddIn, EnrollIn, MetadataIn, RemoveIn, UnenrollIn
from service.schema import described
from service.uploads import PEOPLE, PICTURES, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from search.config import Device
    from service.config import Limits
    from service.opened import OpenIndex

router = APIRouter(tags=["changes"], dependencies=[Depends(may_write)])


@router.post("/v1/pictures", **described(AddIn, "AddedOut", ("picture",)))
async def add(request: Request, index: Chosen) -> Response:
    """Add pictures to the index. They are stored in the folder of `--uploads`."""
    body, service = await receive(request, ("picture",)), service_of(request)

    def change() -> Callable[[], dict[str, Any]]:
        asked = body.read(AddIn)
        data = [*asked.pictures, *body.files.get("picture", [])]
        check_number(len(data), service.limits)
        return _add(index, data, asked.label, service.config.device)

    return await changed(request, index, change)


@router.post("/v1/pictures:remove", **described(RemoveIn, "ChangeOut"))
async def remove(request: Request, index: Chosen) -> Response:
    """Remove pictures by id or by a filter; their files are not touched."""
    body = await receive(request)

    def change() -> dict[str, Any]:
        asked = body.read(RemoveIn)
        report = indexer.remove(
            index.served.folder, ids=asked.ids, where=asked.where, dry_run=asked.dry_run, purge=asked.purge
        )
        return {"report": report.to_dict()}

    return await changed(request, index, change)


@router.post("/v1/metadata", **described(MetadataIn, "ChangeOut"))
async def metadata(request: Request, index: Chosen) -> Response:
    """Store values of columns for pictures; a new column gets the type of its values."""
    body = await receive(request)

    def change() -> dict[str, Any]:
        rows = body.read(MetadataIn).rows
        for at, row in enumerate(rows):
            if "path" in row or not isinstance(row.get("id"), int):
                raise invalid(f"rows/{at}", "a row has the id of a picture, a whole number, and no path")
        report = indexer.load_metadata(index.served.folder, metadata_of_rows(rows, "rows"))
        return {"report": asdict(report)}

    return await changed(request, index, change)


@router.post("/v1/identities", **described(EnrollIn, "EnrolledOut", ("picture",)))
async def enroll(request: Request, index: Chosen) -> Response:
    """Enroll an identity by reference pictures. They are stored in the folder of `--uploads`."""
    body, service = await receive(request, ("picture",)), service_of(request)

    def change() -> dict[str, Any]:
        asked = body.read(EnrollIn)
        return _enroll(
            index, asked, [*asked.pictures, *body.files.get("picture", [])], service.config.device, service.limits
        )

    return await changed(request, index, change)


@router.post("/v1/identities:remove", **described(UnenrollIn, "RemovedOut"))
async def unenroll(request: Request, index: Chosen) -> Response:
    """Remove identities: all that are named, or none."""
    body = await receive(request)

    def change() -> dict[str, Any]:
        return {"removed": indexer.unenroll(index.served.folder, body.read(UnenrollIn).names)}

    return await changed(request, index, change)


def _add(index: OpenIndex, data: list[bytes], label: str | None, device: Device) -> Callable[[], dict[str, Any]]:
    """Store and add pictures; the answer is made once the new snapshot is open, which has their ids."""
    if not data:
        raise invalid("pictures", "there is no picture to add")
    uploads = Uploads(index.served, PICTURES)
    paths: list[Path] = []
    try:
        paths += [uploads.store(each, f"pictures[{at}]", label) for at, each in enumerate(data)]
        tops = list(dict.fromkeys(uploads.top(path) for path in paths))
        report = indexer.add(index.served.folder, tops, BuildConfig(device=device)).to_dict()
    except BaseException:
        uploads.drop()
        raise

    def answer() -> dict[str, Any]:
        with index.lease() as engine:
            found = engine.catalog.pictures.ids_at([str(path) for path in dict.fromkeys(paths)])
        uploads.drop(kept=[path for path in paths if str(path) in found])
        return {"report": report, "ids": [found.get(str(path)) for path in paths]}

    return answer


def _enroll(index: OpenIndex, asked: EnrollIn, data: list[bytes], device: Device, limits: Limits) -> dict[str, Any]:
    check_number(len(data), limits)
    config = EnrollConfig(device=device, add=asked.add, force=asked.force, box=crop_of(asked.box))
    uploads = Uploads(index.served, PEOPLE)
    try:
        paths = [uploads.store(each, f"pictures[{at}]") for at, each in enumerate(data)]
        report = indexer.enroll(index.served.folder, asked.name, paths, config)
    except BaseException:
        uploads.drop()
        raise
    return {**asdict(report), "warnings": list(report.warnings)}
