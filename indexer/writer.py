"""The one writer of an index folder: its lock, its catalog, and the sweep of what nobody needs."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from indexer.lock import writer_lock
from search import durable
from search.catalog import Catalog
from search.errors import IndexFolderError, TwinlensError
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
        create: make it unless it is there, and take one whose first build was not finished. Without, nothing is made
            of a name that was mistyped.

    Raises:
        IndexFolderError: no index there, or an unfinished one; or, with `create`, the folder cannot be made.
        IndexLockedError: another process is writing it.
        DiskError: the disk failed, is full, or refused.
    """
    if create:
        _make_folder(folder)
    else:
        Catalog.read(folder, verify=False).close()  # `write` verifies it
    with writer_lock(folder):
        catalog = Catalog.write(folder)
        try:
            if not create and "encoder" not in catalog.settings():
                raise IndexFolderError(f"{folder}: its first build was not finished. Run the same twinlens build again")
            sweep(catalog)
            try:
                yield catalog
            except BaseException:
                with suppress(TwinlensError, OSError):  # what is to be told is why the writer failed
                    sweep(catalog)
                raise
            sweep(catalog)
        finally:
            catalog.close()


def sweep(catalog: Catalog) -> None:
    """Delete files that the catalog does not name: what a killed writer left, or what a change made superfluous.

    Nothing is deleted while somebody may read an older snapshot, which names other files and whose encoder may be
    loaded at any time; the next writer sweeps then. Whoever opens the index now reads the last commit.
    """
    named = {record.name for record in catalog.files()}
    folders = {name.rpartition("/")[0] for name in named}
    parts = (SEGMENTS_FOLDER, ENCODERS_FOLDER)
    inside = [path for part in parts for path in sorted((catalog.folder / part).rglob("*"), reverse=True)]
    useless = [path for path in inside if path.relative_to(catalog.folder).as_posix() not in named | folders]
    if not useless or catalog.has_older_readers():
        return
    for path in useless:  # what is inside a folder comes before it
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _make_folder(folder: Path) -> None:
    try:
        durable.make_folder(folder)
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error
