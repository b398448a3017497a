"""Open an index folder for writing: check the folder, take the lock, open the catalog, sweep unused files."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from indexer.pipeline.index_place import check_place
from indexer.pipeline.lock import writer_lock
from indexer.pipeline.sweeping import ENCODERS_FOLDER, sweep
from search.errors import IndexFolderError, TwinlensError
from search.files.writing import make_folder, require_own_folder
from search.store.catalog import Catalog
from search.store.map_file import MAPS_FOLDER
from search.store.segments import SEGMENTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_writer(folder: Path, *, create: bool = False) -> Iterator[Catalog]:
    """Open the catalog of an index for writing, under the writer's lock; sweep before and after.

    Args:
        folder: the index folder.
        create: make the folder if it does not exist, and accept an index whose first build was not finished. By default
            nothing is created, as the name may be mistyped.

    Raises:
        IndexFolderError: there is no index, or an unfinished one; or, with `create`, the folder cannot be made, or
            holds other files and no index.
        IndexLockedError: another process is writing it.
        IndexBusyError: another program holds its catalog.
        DiskError: the disk failed, is full, or refused.
    """
    if create:
        check_place(folder)
        _make_folder(folder)
    else:
        Catalog.read(folder, verify=False).close()  # `write` verifies it
    with writer_lock(folder):
        catalog = open_catalog(folder)
        try:
            if not create and "encoder" not in catalog.settings():
                raise IndexFolderError(f"{folder}: its first build was not finished. Run the same twinlens build again")
            sweep(catalog)
            try:
                yield catalog
            except BaseException:
                with suppress(TwinlensError, OSError):  # the error of the writer is the one to report
                    sweep(catalog)
                raise
            sweep(catalog)
        finally:
            catalog.close()


def open_catalog(folder: Path, *, reseal: bool = False) -> Catalog:
    """As `Catalog.write`, after checking that no part of the index is a link. The caller holds the writer's lock."""
    for part in (SEGMENTS_FOLDER, ENCODERS_FOLDER, MAPS_FOLDER):
        require_own_folder(folder / part)
    return Catalog.write(folder, reseal=reseal)


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error
