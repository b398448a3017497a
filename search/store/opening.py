"""Open a catalog's file: pin a snapshot, and compare it with its seal before anybody reads from it."""

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
    """A connection that pins a snapshot, and whether a seal was found to vouch for it."""
    while True:
        before = read_seal(raw.file.parent) if verify else None  # before the pinning: it can only be older, then
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
    """Whether a seal vouches for the catalog that a writer is about to open; False for one that is to be sealed."""
    try:
        if raw.file.stat().st_size == 0 and read_seal(raw.file.parent) is None:
            return False  # just made
        connection, sealed = pinned(raw, verify=True)
    except SealError:
        if not reseal:
            raise
        connection, sealed = pinned(raw, verify=False)
    try:
        found = [] if sealed else [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        if wrong := "; ".join(each for each in found if each != "ok"):
            raise DamagedFileError(raw.file, f"damaged ({wrong})", BUILD_AGAIN)
        return sealed
    finally:
        connection.close()


def connect_reader(file: Path) -> sqlite3.Connection:
    """Open for reading and pin the snapshot.

    A reader that may write to the folder (never to the tables) takes SQLite's side files away when it is the last to
    go. One that may not leaves them; and a folder that nobody may write is opened as one that nobody does. A file with
    hard links may be another index's too, whose log is not here: it is left as it is.
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
            connection.execute("PRAGMA user_version").fetchone()  # pins, and parses nothing but the header
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
    """Keep the catalog in WAL mode: where SQLite cannot, it says nothing and goes on without.

    Raises:
        DiskError: the disk failed, or its file system cannot share memory between processes, as some networks'.
    """
    ((mode,),) = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise disk_error(str(file), "disk I/O error, or a file system that cannot hold a write-ahead log")


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Turn what SQLite says of a damaged file, or of the disk, into an error of ours that names it."""
    try:
        with disk_errors_named(file):
            yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # what SQLite says may quote damaged text
        raise DamagedFileError(file, f"cannot be read as a catalog ({error})", BUILD_AGAIN) from error
