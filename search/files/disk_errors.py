"""Turn failures of a disk or a locked database, from files and from SQLite, into one error message each."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from search.errors import DiskError, IndexBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OF_THE_DISK = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
_OF_OTHERS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
"""Another program has a lock; SQLite reports PROTOCOL when many connections open and close in the write-ahead log."""
BUSY_SECONDS = 5.0
"""How long SQLite waits for another program's lock: a transaction, or a copy of a large catalog, may take that long."""
_CUT = sqlite3.SQLITE_IOERR_SHORT_READ
"""A file that ends too early is damaged; the disk itself works."""


@contextmanager
def disk_errors_named(place: Path) -> Iterator[None]:
    """Turn disk errors within a block into a DiskError that names the file, or `place` if the file is not known.

    Raises:
        DiskError: a file could not be written or read.
        IndexBusyError: another program holds a database.
    """
    try:
        yield
    except (BrokenPipeError, ConnectionError, TimeoutError):
        raise  # the reader of our output is gone: not an error of the disk
    except OSError as error:
        named = error.filename if isinstance(error.filename, str | bytes) else place
        raise disk_error(os.fsdecode(named), error.strerror or str(error)) from error
    except sqlite3.Error as error:
        if is_busy(error):
            raise busy_error(place, error) from error
        if not is_of_the_disk(error):
            raise
        raise disk_error(str(place), str(error)) from error


def is_of_the_disk(error: sqlite3.Error) -> bool:
    """Whether SQLite failed because of the disk rather than because of the file's content."""
    code = _code(error)
    return code is not None and code != _CUT and code & 0xFF in _OF_THE_DISK


def is_busy(error: sqlite3.Error) -> bool:
    """Whether SQLite gave up waiting for a lock that another program or connection holds."""
    code = _code(error)
    return code is not None and code & 0xFF in _OF_OTHERS


def busy_error(place: Path, error: sqlite3.Error) -> IndexBusyError:
    """The error for a database that another program has locked."""
    return IndexBusyError(
        f"{place}: in use by another program ({error}). Try again when that program has closed it: nothing is"
        " damaged, and all completed work is kept"
    )


def _code(error: sqlite3.Error) -> int | None:
    return getattr(error, "sqlite_errorcode", None)  # errors of the sqlite3 module itself, such as misuse, have none


def disk_error(place: str, reason: str) -> DiskError:
    """The error for a file that cannot be read or written."""
    return DiskError(
        f"{place}: cannot be written or read ({reason[:1].lower()}{reason[1:]}). Check that the disk has space left and"
        " that you may write there, then run the same command again: all completed work is kept"
    )
