"""A disk that is full, fails or refuses, told in one sentence: of files and of SQLite alike."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from search.errors import DiskError

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
_CUT = sqlite3.SQLITE_IOERR_SHORT_READ
"""A file that ends too early is damaged: the disk does what it should."""


@contextmanager
def disk_errors_named(place: Path) -> Iterator[None]:
    """Turn errors of the disk within a block into a DiskError that names the file, or `place` where it is not known.

    Raises:
        DiskError: a file could not be written or read.
    """
    try:
        yield
    except (BrokenPipeError, ConnectionError, TimeoutError):
        raise  # whoever read our output is gone: no disk has to do with it
    except OSError as error:
        named = error.filename if isinstance(error.filename, str | bytes) else place
        raise disk_error(os.fsdecode(named), error.strerror or str(error)) from error
    except sqlite3.Error as error:
        if not is_of_the_disk(error):
            raise
        raise disk_error(str(place), str(error)) from error


def is_of_the_disk(error: sqlite3.Error) -> bool:
    """Whether SQLite failed because of the disk, rather than of what the file holds."""
    code = getattr(error, "sqlite_errorcode", None)  # errors of the module itself, such as misuse, have none
    return code is not None and code != _CUT and code & 0xFF in _OF_THE_DISK


def disk_error(place: str, reason: str) -> DiskError:
    """The one sentence."""
    return DiskError(
        f"{place}: cannot be written or read ({reason[:1].lower()}{reason[1:]}). Check that the disk has space left and"
        " that you may write there, then run the same command again: nothing that was finished before is lost"
    )
