"""The one way to write an index folder: under the lock, swept before and after."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexer.lock import writer_lock
from indexer.sweep import sweep
from search import durable
from search.catalog import Catalog
from search.errors import IndexFolderError, TwinlensError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Writer:
    """Who holds the lock of an index folder, with its catalog open for writing."""

    folder: Path
    catalog: Catalog


@contextmanager
def open_writer(folder: Path, *, create: bool = False) -> Iterator[Writer]:
    """Hold an index folder for writing until the block ends.

    Args:
        folder: the index folder.
        create: make it where it is not there, and take one whose first build was not finished.

    Raises:
        IndexFolderError: no index there, or an unfinished one; it cannot be made; or it is damaged.
        IndexLockedError: another process is writing it.
        DiskError: the disk failed the writer, is full, or refused.
    """
    if create:
        make_folder(folder)
    else:
        Catalog.read(folder).close()  # no folder is made of a name that was mistyped
    with writer_lock(folder):
        catalog = Catalog.write(folder)
        try:
            if not create and "encoder" not in catalog.settings():
                raise IndexFolderError(f"{folder}: its first build was not finished. Run the same twinlens build again")
            sweep(catalog)
            try:
                yield Writer(folder, catalog)
            except BaseException:
                with suppress(TwinlensError, OSError):  # what is to be told is why the writer failed
                    sweep(catalog)
                raise
            sweep(catalog)
        finally:
            catalog.close()


def make_folder(folder: Path) -> None:
    """Make an index folder unless it is there; raises IndexFolderError where none can be."""
    try:
        durable.make_folder(folder)
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error


def now() -> str:
    """The present moment as the catalog stores it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
