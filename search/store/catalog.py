"""The catalog: one SQLite file that says what an index folder holds.

A change becomes visible by one transaction here and by nothing else. The file is in WAL mode: a reader that began a
transaction keeps its snapshot however many commits follow, and never blocks the writer. Its bytes are verified by its
seal (search/store/seal.py) whenever it is opened.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import DamagedFileError, IndexBusyError, IndexFolderError
from search.files.disk_errors import BUSY_SECONDS, disk_errors_named
from search.files.reading import refuse_far_journal, refuse_irregular
from search.files.writing import is_regular, write_file
from search.store.audit import CatalogAudit
from search.store.database import Database
from search.store.file import CatalogFile
from search.store.file_table import FileTable
from search.store.identities import IdentityTable
from search.store.json_values import checked_settings
from search.store.metadata import MetadataTable
from search.store.migrations import MIGRATIONS, OLDEST_READABLE, checked_version, is_newest, migrate
from search.store.opening import damage_named, pinned, use_log, verified
from search.store.owner import blank_catalog, owner_of, refuse_foreign, refuse_links
from search.store.pictures import PictureTable
from search.store.places import Places
from search.store.retained import RetainedTable
from search.store.schema import harden
from search.store.seal import (
    BUILD_AGAIN,
    announce,
    empty_log,
    put_seal,
    read_seal,
    stored_generation,
)
from search.store.segment_table import SegmentTable
from search.store.skipped import SkippedTable
from search.store.tombstones import TombstoneTable
from search.store.values import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOG_NAME = "catalog.sqlite"
_JOURNAL_NAME = f"{CATALOG_NAME}-journal"
_FIXED_NAMES = (CATALOG_NAME, f"{CATALOG_NAME}-wal", f"{CATALOG_NAME}-shm", _JOURNAL_NAME)


class Catalog:
    """The catalog of one index folder, made of the tables that `__init__` names; safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, raw: CatalogFile, version: int = len(MIGRATIONS)) -> None:
        """Wrap an open connection: use `read` or `write` instead."""
        self.folder = raw.file.parent
        self.sealed = True
        """Whether a seal vouches for this snapshot; False where a writer was killed before it sealed its commit."""
        self._raw = raw
        self.database = Database(connection, raw.file, version)
        self.files = FileTable(self.database)
        self.segments = SegmentTable(self.database, self.files)
        self.tombstones = TombstoneTable(self.database)
        self.metadata = MetadataTable(self.database)
        self.retained = RetainedTable(self.database)
        self.pictures = PictureTable(self.database, self.metadata, self.retained, self.tombstones)
        self.places = Places(self.database, self.metadata)
        self.skipped = SkippedTable(self.database)
        self.identities = IdentityTable(self.database)
        self.audit = CatalogAudit(self.database)

    @classmethod
    def read(cls, folder: Path, *, verify: bool = True, thorough: bool = False) -> Catalog:
        """Open for reading, pinned to the snapshot of this moment.

        Args:
            folder: the index folder.
            verify: whether its bytes are compared with its seal; costs the time to read them.
            thorough: with the stronger checksum too, as `twinlens check` does.

        Raises:
            IndexFolderError: no index there, an unfinished one, a newer one, a damaged one, or another program's file.
            IndexBusyError: another program holds it.
        """
        file = folder / CATALOG_NAME
        _refuse_strange_files(folder)
        with _folder_named(folder):
            refuse_links(file, writing=False)
        if not has_catalog(folder):
            if file.exists() or read_seal(folder) is not None:
                raise DamagedFileError(file, "missing", BUILD_AGAIN)
            raise IndexFolderError(f"{folder}: no index here. Make one: twinlens build PICTURES --index {folder}")
        with ExitStack() as opened, damage_named(file):
            raw = CatalogFile(file)
            opened.callback(raw.close)
            refuse_foreign(raw)
            connection, sealed = pinned(raw, verify=verify, thorough=thorough)
            opened.callback(connection.close)
            if (version := checked_version(connection)) < OLDEST_READABLE:
                raise IndexFolderError(f"{folder}: unfinished index. Run twinlens build again")
            catalog = cls(connection, raw, version)
            catalog.sealed = sealed
            opened.pop_all()
            return catalog

    @classmethod
    def write(cls, folder: Path, *, reseal: bool = False) -> Catalog:
        """Open for writing, creating or upgrading what is there. The caller holds the writer's lock.

        Args:
            folder: the index folder.
            reseal: whether a seal that is damaged or missing is made anew, once SQLite finds the catalog sound.

        Raises:
            IndexFolderError: a newer index; a damaged one: a writer would seal the damage; or another program's file.
            IndexBusyError: another program holds it.
        """
        file = folder / CATALOG_NAME
        _refuse_strange_files(folder)
        with _folder_named(folder):
            refuse_links(file, writing=True)
        if not file.exists():
            if not reseal and read_seal(folder) is not None:
                raise DamagedFileError(file, "missing", BUILD_AGAIN)
            with disk_errors_named(file):
                write_file(file, blank_catalog())
        with ExitStack() as opened, damage_named(file):
            raw = CatalogFile(file)
            opened.callback(raw.close)
            refuse_foreign(raw)
            sealed = verified(raw, reseal=reseal)
            connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
            opened.callback(connection.close)
            harden(connection)
            use_log(connection, file)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # what is purged leaves no bytes behind
            if not sealed:
                put_seal(connection, raw)
            if not is_newest(connection):
                announce(folder, stored_generation(connection) + 1)
                migrate(connection, checked_version(connection))
                put_seal(connection, raw)
            opened.pop_all()
            return cls(connection, raw)

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        with self.database.lock:
            self.database.close()
            self._raw.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commit at the end, roll back on any exception. Each commit is a new generation.

        The commit is announced before it is made, and sealed after. Where only the sealing fails, such as on a disk
        that is full, the commit stands and the next writer seals it.
        """
        with self.database.lock:
            self.database.change("BEGIN IMMEDIATE")
            try:
                yield
                self.retained.expire()
                generation = self.generation() + 1
                self.set(generation=generation)
                announce(self.folder, generation)
                self.database.change("COMMIT")
            except BaseException:
                if self.database.connection.in_transaction:
                    self.database.connection.execute("ROLLBACK")
                raise
            with suppress(OSError, sqlite3.Error, MemoryError):
                put_seal(self.database.connection, self._raw)

    def has_older_readers(self) -> bool:
        """Whether anybody may still read what was there before the last commit; asked outside of a transaction.

        SQLite moves its log into the file only as far as no reader needs an older page: where all of it was moved,
        every reader sees the last commit. Where another connection is moving it just now, the answer is yes. Never
        waits for a reader. Source: SQLite, "Write-Ahead Logging", on checkpoints.
        """
        try:
            with self.database.lock, damage_named(self.database.file):
                logged, moved = empty_log(self.database.connection)
                return not 0 <= logged == moved
        except IndexBusyError:
            return True

    # Settings ----------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """All settings, decoded; raises DamagedFileError for one of a wrong type."""
        stored = dict(self.database.rows("SELECT key, value FROM settings", letters=kinds("settings", "key", "value")))
        with self.database.values_named():
            return checked_settings(stored)

    def generation(self) -> int:
        """How many commits came before this snapshot."""
        return int(self.settings().get("generation", 0))

    def set(self, **values: Any) -> None:
        """Store settings; each value must be JSON."""
        self.database.many(
            "INSERT OR REPLACE INTO settings VALUES (?, ?)", ((key, json.dumps(v)) for key, v in values.items())
        )


def holds_index(folder: Path) -> bool:
    """Whether a folder holds a catalog of ours, be it of a first build that is not finished.

    Raises:
        IndexFolderError: the file of this name is another program's, or is reached through a link.
    """
    file = folder / CATALOG_NAME
    refuse_links(file, writing=True)
    if not is_regular(file):
        return False
    raw = CatalogFile(file)
    try:
        refuse_foreign(raw)
        return owner_of(raw) == "ours"
    finally:
        raw.close()


def _refuse_strange_files(folder: Path) -> None:
    """Refuse pipes, devices and links where SQLite opens files; raises DamagedFileError, and as `has_catalog`."""
    with _folder_named(folder):
        refuse_irregular(folder, *_FIXED_NAMES)
        refuse_far_journal(folder / _JOURNAL_NAME)


@contextmanager
def _folder_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error


def has_catalog(folder: Path) -> bool:
    """Whether a folder holds an index.

    Raises:
        IndexFolderError: the folder cannot be looked into, or its name is longer than the system takes.
    """
    with _folder_named(folder):
        return (folder / CATALOG_NAME).is_file()
