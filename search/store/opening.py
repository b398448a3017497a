"""Open a catalog's file: pin a snapshot, and compare it with its seal before anything is read from it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from search.errors import DamagedFileError
from search.files.disk_errors import BUSY_SECONDS, disk_error, disk_errors_named, is_busy
from search.store.schema import harden
from search.store.seal import BUILD_AGAIN, OvertakenError, SealError, read_seal, require_schema, verify_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from search.store.file import CatalogFile


def pinned(raw: CatalogFile, *, verify: bool, thorough: bool = False) -> tuple[sqlite3.Connection, bool]:
    """A connection with a pinned snapshot, and whether the snapshot matches its seal."""
    while True:
        before = read_seal(raw.file.parent) if verify else None  # read first, so that it cannot be newer
        connection = connect_reader(raw.file)
        try:
            sealed = verify and verify_snapshot(connection, raw, before, thorough=thorough)
            require_schema(connection, raw.file)
            return connection, sealed
        except OvertakenError:
            connection.close()
        except BaseException:
            connection.close()
            raise


def verified(raw: CatalogFile, *, reseal: bool) -> bool:
    """Check the catalog that a writer is about to open; return False if it must be sealed first.

    Raises:
        DamagedFileError: the catalog or, without `reseal`, its seal is damaged.
    """
    try:
        if raw.file.stat().st_size == 0 and read_seal(raw.file.parent) is None:
            return False  # just made
        connection, sealed = pinned(raw, verify=True)
    except SealError:
        if not reseal:
            raise
        connection, sealed = pinned(raw, verify=False)
    try:
        results = [] if sealed else [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        if wrong := "; ".join(each for each in results if each != "ok"):
            raise DamagedFileError(raw.file, f"damaged ({wrong})", BUILD_AGAIN)
        return sealed
    finally:
        connection.close()


def connect_reader(file: Path) -> sqlite3.Connection:
    """Open a catalog for reading and pin its present snapshot.

    A reader with write permission for the folder opens the file as writable, so that SQLite deletes its side files when
    the last connection closes; it never writes to the tables. Otherwise the file is opened read-only or, if that fails,
    as immutable. A file with hard links may belong to another index too, whose log is elsewhere: it is not opened as
    writable.
    """
    uri = file.absolute().as_uri()
    alone = file.stat().st_nlink == 1
    modes = ("mode=rw",) if alone and os.access(file.parent, os.W_OK) else ("mode=ro", "immutable=1")
    for mode in modes:
        connection = sqlite3.connect(
            f"{uri}?{mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
        )
        try:
            harden(connection)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.execute("PRAGMA user_version").fetchone()  # pins the snapshot, and only parses the header
        except sqlite3.OperationalError as error:
            connection.close()
            if mode == modes[-1] or is_busy(error):
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise AssertionError("unreachable: the last mode returns or raises")


def use_log(connection: sqlite3.Connection, file: Path) -> None:
    """Put the catalog in WAL mode, and check the result: SQLite does not raise if it cannot.

    Raises:
        DiskError: the disk failed, or its file system cannot share memory between processes, as some network file
            systems cannot.
    """
    ((mode,),) = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise disk_error(str(file), "disk I/O error, or a file system that cannot hold a write-ahead log")


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Turn SQLite's errors about damage or the disk into a DamagedFileError or DiskError that names the file."""
    try:
        with disk_errors_named(file):
            yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a message of SQLite may quote damaged text
        raise DamagedFileError(file, f"cannot be read as a catalog ({error})", BUILD_AGAIN) from error
