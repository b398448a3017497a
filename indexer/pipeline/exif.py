"""EXIF of pictures, stored in the columns `taken` and `camera` of an index."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.pipeline.content_hash import content_hash, is_stamp
from indexer.pipeline.progress import Silent
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.survey import is_same
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.errors import PictureError
from search.filters.columns import CAMERA, TAKEN
from search.filters.iso_dates import stored_moment
from search.pictures.exif import read_exif
from search.pictures.source import read_steady
from search.text import utc_now

if TYPE_CHECKING:
    from indexer.pipeline.changes import Changes
    from indexer.pipeline.progress import Progress
    from search.pictures.exif import PictureExif
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

_PAGE = 2_000
"""Pictures whose EXIF is stored together."""


@dataclass(slots=True)
class ExifReport:
    """Result of reading the EXIF of an index's pictures."""

    pictures: int = 0
    taken: int = 0
    """Pictures with the time when they were taken."""
    camera: int = 0
    """Pictures with the name of the camera."""
    unread: int = 0
    """Pictures whose file is gone, was changed since it was indexed, or cannot be read."""


def put_exif(catalog: Catalog, changes: Changes) -> None:
    """Store the EXIF of new and changed files; within a transaction, after the pictures.

    A changed picture loses the values of its old content. A picture that was only read again keeps its values, which
    may come from a file of metadata.
    """
    exif = changes.exif
    catalog.metadata.put([TAKEN, CAMERA], ((p.id, (None, None)) for p in changes.changed))
    known = [*changes.changed, *changes.updated, *changes.moved]
    values = [(p.id, exif[p.content]) for p in known if p.content in exif]
    new = [p for p in changes.added if p.content in exif]
    ids = catalog.pictures.ids_at([str(p.path) for p in new])
    values += [(ids[str(p.path)], exif[p.content]) for p in new]
    _store(catalog, values)


def load_exif(
    index: str | os.PathLike[str], *, workers: int = BuildConfig.workers, progress: Progress | None = None
) -> ExifReport:
    """Read the EXIF of every picture of an index from its file: for an index made before EXIF was stored.

    A picture without EXIF keeps its values.

    Raises:
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    progress, report = progress or Silent(), ExifReport()
    with open_writer(Path(index).absolute()) as catalog, ThreadPoolExecutor(workers, "exif") as pool:
        progress.begin("exif", catalog.pictures.count())
        with catalog.transaction():
            last = 0
            while page := catalog.pictures.records(after=last, limit=_PAGE):
                values = [
                    (p.id, exif) for p, exif in zip(page, pool.map(_exif_of, page), strict=True) if exif is not None
                ]
                _store(catalog, values)
                report.pictures += len(page)
                report.unread += len(page) - len(values)
                report.taken += sum(exif.taken is not None for _, exif in values)
                report.camera += sum(exif.camera is not None for _, exif in values)
                progress.advance(len(page))
                last = page[-1].id
            catalog.set(updated=utc_now())
    return report


def _exif_of(picture: PictureRecord) -> PictureExif | None:
    """The EXIF of a picture's file; None if the file is not the one that was indexed."""
    try:
        data, status = read_steady(picture.path)
    except PictureError:
        return None
    if is_stamp(picture.content):  # imported without reading the file: only size and time can be compared
        same = is_same(picture, FoundFile.of(picture.path, status))
    else:
        same = content_hash(data) == picture.content
    return read_exif(data) if same else None


def _store(catalog: Catalog, values: list[tuple[int, PictureExif]]) -> None:
    """Store the EXIF values of pictures by id; a missing value does not delete one from another source."""
    taken = ((picture, [stored_moment(exif.taken)]) for picture, exif in values if exif.taken is not None)
    catalog.metadata.put([TAKEN], taken)
    camera = ((picture, [exif.camera.encode()]) for picture, exif in values if exif.camera is not None)
    catalog.metadata.put([CAMERA], camera)
