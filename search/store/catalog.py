"""The catalog: one SQLite file that says what an index folder holds.

A change becomes visible by one transaction here and by nothing else. The file is in WAL mode: a reader that began a
transaction keeps its snapshot however many commits follow, and never blocks the writer. Its bytes are verified by its
seal (search/store/seal.py) whenever it is opened.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import DamagedFileError, IndexBusyError, IndexClosedError, IndexFolderError
from search.files.disk_errors import BUSY_SECONDS, disk_errors_named
from search.files.reading import refuse_far_journal, refuse_irregular, require_inside_name
from search.files.writing import is_regular, write_file
from search.store.audit import CatalogAudit
from search.store.file import CatalogFile
from search.store.json_values import checked_parameters, checked_quality, checked_settings
from search.store.metadata import MetadataTable
from search.store.migrations import MIGRATIONS, OLDEST_READABLE, checked_version, is_newest, migrate
from search.store.opening import damage_named, pinned, use_log, verified
from search.store.owner import blank_catalog, owner_of, refuse_foreign, refuse_links
from search.store.pictures import PAGE, as_text
from search.store.records import (
    BlockChecksums,
    FileRecord,
    SegmentRecord,
    TemplateRecord,
)
from search.store.retained import RetainedTable
from search.store.schema import harden
from search.store.seal import (
    BUILD_AGAIN,
    FIRST_SEALED,
    announce,
    empty_log,
    put_seal,
    read_seal,
    stored_generation,
)
from search.store.values import kinds, unsound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CATALOG_NAME = "catalog.sqlite"
_JOURNAL_NAME = f"{CATALOG_NAME}-journal"
_FIXED_NAMES = (CATALOG_NAME, f"{CATALOG_NAME}-wal", f"{CATALOG_NAME}-shm", _JOURNAL_NAME)
_WITH_IDENTITIES = 2
"""Version of the catalog that knows identities first."""


class Catalog(CatalogAudit):
    """The catalog of one index folder, safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, raw: CatalogFile, version: int = len(MIGRATIONS)) -> None:
        """Wrap an open connection: use `read` or `write` instead."""
        self.folder = raw.file.parent
        self.sealed = True
        """Whether a seal vouches for this snapshot; False where a writer was killed before it sealed its commit."""
        self._raw = raw
        self._version = version
        self._opened: sqlite3.Connection | None = connection
        self._lock = threading.RLock()
        self.metadata = MetadataTable(version, self._rows, self._many)
        self.retained = RetainedTable(version, self._rows, self._many)
        # File names need not be UTF-8. They are bound as bytes, stored as text, and decoded as Python decodes names.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

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
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
            self._raw.close()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise IndexClosedError(f"{self.folder}: was closed before it was used. Open the index again")
        return self._opened

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commit at the end, roll back on any exception. Each commit is a new generation.

        The commit is announced before it is made, and sealed after. Where only the sealing fails, such as on a disk
        that is full, the commit stands and the next writer seals it.
        """
        with self._lock:
            self._change("BEGIN IMMEDIATE")
            try:
                yield
                self.retained.expire()
                generation = self.generation() + 1
                self.set(generation=generation)
                announce(self.folder, generation)
                self._change("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            with suppress(OSError, sqlite3.Error, MemoryError):
                put_seal(self._connection, self._raw)

    def has_older_readers(self) -> bool:
        """Whether anybody may still read what was there before the last commit; asked outside of a transaction.

        SQLite moves its log into the file only as far as no reader needs an older page: where all of it was moved,
        every reader sees the last commit. Where another connection is moving it just now, the answer is yes. Never
        waits for a reader. Source: SQLite, "Write-Ahead Logging", on checkpoints.
        """
        try:
            with self._lock, damage_named(self.folder / CATALOG_NAME):
                logged, moved = empty_log(self._connection)
                return not 0 <= logged == moved
        except IndexBusyError:
            return True

    # Settings and files ------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """All settings, decoded; raises DamagedFileError for one of a wrong type."""
        stored = dict(self._rows("SELECT key, value FROM settings", letters=kinds("settings", "key", "value")))
        with self._values_named():
            return checked_settings(stored)

    def generation(self) -> int:
        """How many commits came before this snapshot."""
        return int(self.settings().get("generation", 0))

    def set(self, **values: Any) -> None:
        """Store settings; each value must be JSON."""
        self._many("INSERT OR REPLACE INTO settings VALUES (?, ?)", ((key, json.dumps(v)) for key, v in values.items()))

    def files(self) -> list[FileRecord]:
        """Every file that the index consists of, beside the catalog."""
        rows = self._rows(
            "SELECT name, bytes, sha256 FROM files ORDER BY name", letters=kinds("files", "name", "bytes", "sha256")
        )
        for name, _, _ in rows:
            require_inside_name(self.folder, name)
        blocks: dict[str, BlockChecksums] = {}
        if self._version >= FIRST_SEALED:
            digests = self._rows(
                "SELECT file, block_rows, crc32 FROM digests", letters=kinds("digests", "file", "block_rows", "crc32")
            )
            blocks = {file: BlockChecksums(step, crc32) for file, step, crc32 in digests}
        return [FileRecord(name, size, sha256, blocks.get(name)) for name, size, sha256 in rows]

    def add_files(self, files: Iterable[FileRecord]) -> None:
        """Name files that were written and synced."""
        named = list(files)
        self._many("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", ((f.name, f.bytes, f.sha256) for f in named))
        self._many(
            "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
            ((f.name, f.blocks.rows, f.blocks.crc32) for f in named if f.blocks is not None),
        )

    # Segments ----------------------------------------------------------------------------------------------------

    def segments(self) -> list[SegmentRecord]:
        """All segments, oldest first."""
        columns = ("id", "vectors", "structure", "rows", "kind", "parameters", "recall")
        found = self._rows(
            f"SELECT {', '.join(columns)} FROM segments ORDER BY id", letters=kinds("segments", *columns)
        )
        with self._values_named():
            return [
                SegmentRecord(key, vectors, structure, rows, kind, checked_parameters(parameters), recall)
                for key, vectors, structure, rows, kind, parameters, recall in found
            ]

    def add_segment(self, segment: SegmentRecord, created: str) -> None:
        """Name a segment whose files are in place."""
        self._many(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    segment.id,
                    segment.vectors,
                    segment.structure,
                    segment.rows,
                    segment.kind,
                    json.dumps(segment.parameters),
                    segment.recall,
                    created,
                )
            ],
        )

    def replace_segments(self, segment: SegmentRecord | None, created: str) -> None:
        """Let one segment take the place of all others: its rows are the pictures by id; in a transaction.

        None: there is no picture any more. Tombstones go with their segments; files are named no longer.
        """
        if segment is not None:
            self.add_segment(segment, created)
            self._many(
                "UPDATE pictures SET segment = ?, row = numbered.row"
                " FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS row FROM pictures) AS numbered"
                " WHERE numbered.id = pictures.id",
                [(segment.id,)],
            )
        kept = 0 if segment is None else segment.id
        old = [each for each in self.segments() if each.id != kept]
        for table, column in (("tombstones", "segment"), ("segments", "id")):
            self._many(f"DELETE FROM {table} WHERE {column} = ?", ((each.id,) for each in old))
        self.drop_files(name for each in old for name in (each.vectors, each.structure) if name is not None)

    def drop_files(self, names: Iterable[str]) -> None:
        """Name files no longer: whoever writes next deletes them."""
        self._many("DELETE FROM files WHERE name = ?", ((name,) for name in names))

    def next_segment_id(self) -> int:
        """An id that no segment has had since the oldest one that is still there."""
        return int(self._rows("SELECT coalesce(max(id), 0) + 1 FROM segments")[0][0])

    def tombstones(self, segment: int) -> list[int]:
        """Rows of a segment that no picture has any more."""
        return [row for (row,) in self._rows("SELECT row FROM tombstones WHERE segment = ?", (segment,), letters="n")]

    # Identities --------------------------------------------------------------------------------------------------

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of every identity, by the identity's name and then in the order of their enrolment."""
        if self._version < _WITH_IDENTITIES:
            return []
        rows = self._rows(
            "SELECT name, content, path, vector, quality, templates.created FROM templates"
            " JOIN identities ON identities.id = identity ORDER BY name, templates.id",
            letters="t" + kinds("templates", "content", "path", "vector", "quality", "created"),
        )
        with self._values_named():
            return [TemplateRecord(r[0], r[1], Path(r[2]), r[3], checked_quality(r[4]), r[5]) for r in rows]

    def add_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Add reference pictures, and the identities that are new with them."""
        for each in templates:
            name = as_text(each.identity)
            self._many(
                "INSERT OR IGNORE INTO identities (name, created) VALUES (CAST(? AS TEXT), ?)", [(name, each.created)]
            )
            self._many(
                "INSERT INTO templates (identity, content, path, vector, quality, created)"
                " VALUES ((SELECT id FROM identities WHERE name = CAST(? AS TEXT)), ?, CAST(? AS TEXT), ?, ?, ?)",
                [(name, each.content, os.fsencode(each.path), each.vector, json.dumps(each.quality), each.created)],
            )

    def replace_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Keep exactly these reference pictures; an identity that has none any more is forgotten."""
        self._many("DELETE FROM templates", [()])
        self.add_templates(templates)
        self._many("DELETE FROM identities WHERE id NOT IN (SELECT identity FROM templates)", [()])

    def remove_identities(self, names: Iterable[str]) -> None:
        """Forget identities and their reference pictures, retained ones too."""
        doomed = [(as_text(name),) for name in names]
        self._many("DELETE FROM identities WHERE name = CAST(? AS TEXT)", doomed)
        self._many("DELETE FROM retained_templates WHERE identity = CAST(? AS TEXT)", doomed)

    def _rows(self, sql: str, values: Sequence[Any] = (), letters: str = "") -> list[Any]:
        """Rows, whose columns hold what their letters (`search.store.values`) say; unchecked without letters."""
        with self._lock, damage_named(self.folder / CATALOG_NAME):
            rows = self._connection.execute(sql, values).fetchall()
        if letters and (problem := unsound(rows, letters)):
            raise self._wrong(problem)
        return rows

    def _stream(self, sql: str) -> Iterator[list[Any]]:
        """All rows of an answer, a page at a time."""
        with self._lock, damage_named(self.folder / CATALOG_NAME):
            cursor = self._connection.execute(sql)
        while True:
            with self._lock, damage_named(self.folder / CATALOG_NAME):
                page = cursor.fetchmany(PAGE)
            if not page:
                return
            yield page

    @contextmanager
    def _values_named(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _wrong(self, problem: str) -> DamagedFileError:
        return DamagedFileError(self.folder / CATALOG_NAME, f"damaged ({problem})", BUILD_AGAIN)

    def _many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._lock, damage_named(self.folder / CATALOG_NAME):
            self._connection.executemany(sql, values)

    def _change(self, sql: str) -> None:
        with self._lock, disk_errors_named(self.folder / CATALOG_NAME):
            self._connection.execute(sql)


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
