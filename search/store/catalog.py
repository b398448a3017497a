"""The catalog of an index folder: one SQLite file that lists its pictures, segments and settings.

A change becomes visible by one transaction on the catalog, and in no other way. The file is in WAL mode: a reader keeps
the snapshot of its transaction, however many commits follow, and never blocks the writer. Its bytes are compared with
its seal (search/store/seal.py) each time it is opened.
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
from search.store.address import refuse_uri
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
    """The catalog of one index folder; each attribute reads and writes one table. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, raw: CatalogFile, version: int = len(MIGRATIONS)) -> None:
        """Wrap an open connection: use `read` or `write` instead."""
        self.folder = raw.file.parent
        self.sealed = True
        """Whether the seal is that of this snapshot; False if a writer was killed before it sealed its commit."""
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
        """Open for reading, pinned to the present snapshot.

        Args:
            folder: the index folder.
            verify: compare the bytes of the catalog with its seal, which takes the time to read them.
            thorough: compare the stronger checksum too, as `twinlens check` does.

        Raises:
            IndexFolderError: there is no index, it is unfinished, damaged, or made by a newer Twinlens, or the file
                belongs to another program.
            IndexBusyError: another program holds the catalog.
            UnsupportedError: the folder is the URI of another store.
        """
        file = folder / CATALOG_NAME
        _refuse_strange_files(folder)
        with _folder_named(folder):
            refuse_links(file, writing=False)
        if not has_catalog(folder):
            refuse_uri(folder)
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
        """Open for writing; create the catalog, or upgrade an older one. The caller holds the writer's lock.

        Args:
            folder: the index folder.
            reseal: write a damaged or missing seal again, if SQLite finds no damage in the catalog.

        Raises:
            IndexFolderError: the catalog is damaged, which a writer would seal; it was made by a newer Twinlens; or the
                file belongs to another program.
            IndexBusyError: another program holds the catalog.
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
            connection.execute("PRAGMA secure_delete = ON")  # purged values are overwritten
            if not sealed:
                put_seal(connection, raw)
            if not is_newest(connection):
                announce(folder, stored_generation(connection) + 1)
                migrate(connection, checked_version(connection))
                put_seal(connection, raw)
            opened.pop_all()
            return cls(connection, raw)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self.database.lock:
            self.database.close()
            self._raw.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or roll back on any exception. Each commit is a new generation.

        The commit is announced before it is made, and sealed afterwards. If only the sealing fails, as on a full disk,
        the commit stands, and the next writer seals it.
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
        """Whether a reader may still use a snapshot older than the last commit; call it outside of a transaction.

        SQLite moves its log into the file only as far as no reader needs an older page: if all of it was moved, every
        reader sees the last commit. The result is True if another connection is moving the log at the moment. This
        never waits for a reader. Source: SQLite, "Write-Ahead Logging", on checkpoints.
        """
        try:
            with self.database.lock, damage_named(self.database.file):
                logged, moved = empty_log(self.database.connection)
                return not 0 <= logged == moved
        except IndexBusyError:
            return True

    # Settings ----------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """All settings, decoded; raises DamagedFileError if one has the wrong type."""
        stored = dict(self.database.rows("SELECT key, value FROM settings", letters=kinds("settings", "key", "value")))
        with self.database.values_named():
            return checked_settings(stored)

    def generation(self) -> int:
        """Number of commits up to this snapshot."""
        return int(self.settings().get("generation", 0))

    def set(self, **values: Any) -> None:
        """Store settings; each value must be serializable as JSON."""
        self.database.many(
            "INSERT OR REPLACE INTO settings VALUES (?, ?)", ((key, json.dumps(v)) for key, v in values.items())
        )


def holds_index(folder: Path) -> bool:
    """Whether a folder holds a catalog of Twinlens, finished or not.

    Raises:
        IndexFolderError: the file with its name belongs to another program, or is reached through a link.
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
    """Refuse pipes, devices and links under names that SQLite opens; raises DamagedFileError, or as `has_catalog`."""
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
        IndexFolderError: the folder cannot be read, or its name is too long for the system.
    """
    with _folder_named(folder):
        return (folder / CATALOG_NAME).is_file()
