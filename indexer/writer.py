"""The one writer of an index folder: its lock, its catalog, and the sweep of what nobody needs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from indexer.lock import writer_lock
from search import durable
from search.catalog import Catalog
from search.errors import IndexFolderError
from search.segments import SEGMENTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENCODERS_FOLDER = "encoders"


@contextmanager
def open_writer(folder: Path, *, create: bool = False) -> Iterator[Catalog]:
    """Open the catalog of an index for writing, under the writer's lock; sweep before and after.

    Args:
        folder: the index folder.
        create: make it unless it is there. Without, nothing is made of a name that was mistyped.

    Raises:
        IndexFolderError: no index there, or, with `create`, the folder cannot be made.
        IndexLockedError: another process is writing it.
        DiskError: the disk failed, is full, or refused.
    """
    if create:
        _make_folder(folder)
    else:
        Catalog.read(folder).close()
    with writer_lock(folder):
        catalog = Catalog.write(folder)
        try:
            sweep(catalog)
            yield catalog
            sweep(catalog)
        finally:
            catalog.close()


def sweep(catalog: Catalog) -> None:
    """Delete files that the catalog does not name: what a killed writer left, or what a change made superfluous.

    Nothing is deleted while somebody may read an older snapshot, which names other files; the next writer sweeps then.
    """
    if not catalog.settle():
        return
    named = {record.name for record in catalog.files()}
    for part in (SEGMENTS_FOLDER, ENCODERS_FOLDER):
        for path in sorted((catalog.folder / part).rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(catalog.folder).as_posix() not in named:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _make_folder(folder: Path) -> None:
    try:
        durable.make_folder(folder)
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error
