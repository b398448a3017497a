"""The catalog: one SQLite file that says what an index folder holds.

A change becomes visible by one transaction here and by nothing else. The file is in WAL mode: a reader that began a
transaction keeps its snapshot however many commits follow, and never blocks the writer.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import IndexFolderError
from search.migrations import MIGRATIONS, OLDEST_READABLE, checked_version, migrate
from search.records import (
    EmbeddedRecord,
    FileRecord,
    PictureRecord,
    PlacedRecord,
    SegmentRecord,
    SkippedRecord,
    TemplateRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CATALOG_NAME = "catalog.sqlite"
_WITH_IDENTITIES = 2
"""Version of the catalog that knows identities first."""
_IN_CHUNK = 500
"""Values bound in one `IN (...)`: SQLite's oldest limit is 999."""


class Catalog:
    """The catalog of one index folder, safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, version: int = len(MIGRATIONS)) -> None:
        """Wrap an open connection: use `read` or `write` instead."""
        self.folder = folder
        self._version = version
        self._connection = connection
        self._lock = threading.RLock()
        # File names need not be UTF-8. They are bound as bytes, stored as text, and decoded as Python decodes names.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

    @classmethod
    def read(cls, folder: Path) -> Catalog:
        """Open for reading, pinned to the snapshot of this moment.

        Raises:
            IndexFolderError: no index there, an unfinished one, a newer one, or a damaged one.
        """
        file = folder / CATALOG_NAME
        if not file.is_file():
            raise IndexFolderError(f"{folder}: no index here. Make one: twinlens build PICTURES --index {folder}")
        with _damage_named(file):
            connection = _connect_reader(file)
            if (version := checked_version(connection)) < OLDEST_READABLE:
                connection.close()
                raise IndexFolderError(f"{folder}: unfinished index. Run twinlens build again")
            return cls(connection, folder, version)

    @classmethod
    def write(cls, folder: Path) -> Catalog:
        """Open for writing, creating or upgrading what is there. The caller holds the writer's lock."""
        file = folder / CATALOG_NAME
        with _damage_named(file):
            connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection)
            return cls(connection, folder)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commit at the end, roll back on any exception. Each commit is a new generation."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.set(generation=self.generation() + 1)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # Settings and files ------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """All settings, decoded."""
        return {key: json.loads(value) for key, value in self._rows("SELECT key, value FROM settings")}

    def generation(self) -> int:
        """How many commits came before this snapshot."""
        return int(self.settings().get("generation", 0))

    def set(self, **values: Any) -> None:
        """Store settings; each value must be JSON."""
        self._many("INSERT OR REPLACE INTO settings VALUES (?, ?)", ((key, json.dumps(v)) for key, v in values.items()))

    def files(self) -> list[FileRecord]:
        """Every file that the index consists of, beside the catalog."""
        return [FileRecord(*row) for row in self._rows("SELECT name, bytes, sha256 FROM files ORDER BY name")]

    def add_files(self, files: Iterable[FileRecord]) -> None:
        """Name files that were written and synced."""
        self._many("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", ((f.name, f.bytes, f.sha256) for f in files))

    # Segments ----------------------------------------------------------------------------------------------------

    def segments(self) -> list[SegmentRecord]:
        """All segments, oldest first."""
        sql = "SELECT id, vectors, structure, rows, kind, parameters, recall FROM segments ORDER BY id"
        return [
            SegmentRecord(key, vectors, structure, rows, kind, json.loads(parameters), recall)
            for key, vectors, structure, rows, kind, parameters, recall in self._rows(sql)
        ]

    def add_segment(self, segment: SegmentRecord, created: str) -> None:
        """Name a segment whose files are in place."""
        self._many(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(segment.id, segment.vectors, segment.structure, segment.rows, segment.kind,
              json.dumps(segment.parameters), segment.recall, created)],
        )  # fmt: skip

    def next_segment_id(self) -> int:
        """An id that no segment has had since the oldest one that is still there."""
        return int(self._rows("SELECT coalesce(max(id), 0) + 1 FROM segments")[0][0])

    def tombstones(self, segment: int) -> list[int]:
        """Rows of a segment that no picture has any more."""
        return [row for (row,) in self._rows("SELECT row FROM tombstones WHERE segment = ?", (segment,))]

    # Pictures ----------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """Pictures in the index."""
        return int(self._rows("SELECT count(*) FROM pictures")[0][0])

    def label_counts(self) -> dict[str, int]:
        """Pictures a label, without the unlabelled."""
        sql = "SELECT label, count(*) FROM pictures WHERE label IS NOT NULL GROUP BY label ORDER BY label"
        return dict(self._rows(sql))

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """Pictures by ascending id, from the first id above `after`; `limit` -1 for all."""
        return self._pictures("WHERE id > ? ORDER BY id LIMIT ?", (after, limit))

    def picture(self, picture_id: int) -> PictureRecord | None:
        """The picture of an id, or None."""
        if not 0 < picture_id < 2**63:  # more than SQLite's integers hold
            return None
        found = self._pictures("WHERE id = ?", (picture_id,))
        return found[0] if found else None

    def pictures_at(self, segment: int, rows: Sequence[int]) -> dict[int, PictureRecord]:
        """Row -> picture, for the rows of one segment that have one."""
        found: dict[int, PictureRecord] = {}
        for start in range(0, len(rows), _IN_CHUNK):
            chunk = rows[start : start + _IN_CHUNK]
            marks = ",".join("?" * len(chunk))
            for picture in self._pictures(f"WHERE segment = ? AND row IN ({marks})", (segment, *chunk)):
                found[picture.row] = picture
        return found

    def pictures_of(self, ids: Sequence[int]) -> dict[int, PictureRecord]:
        """Id -> picture, for the ids that a picture has."""
        found: dict[int, PictureRecord] = {}
        for start in range(0, len(ids), _IN_CHUNK):
            chunk = ids[start : start + _IN_CHUNK]
            for picture in self._pictures(f"WHERE id IN ({','.join('?' * len(chunk))})", chunk):
                found[picture.id] = picture
        return found

    def places(self, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Id -> segment and row, for the ids that a picture has."""
        found: dict[int, tuple[int, int]] = {}
        for start in range(0, len(ids), _IN_CHUNK):
            chunk = ids[start : start + _IN_CHUNK]
            marks = ",".join("?" * len(chunk))
            for key, segment, row in self._rows(f"SELECT id, segment, row FROM pictures WHERE id IN ({marks})", chunk):
                found[key] = (segment, row)
        return found

    def placed(self, *, after: int = 0, limit: int = -1, shared: bool = False) -> list[PlacedRecord]:
        """Where the vectors of pictures are, by ascending id from above `after`; `shared`: of contents of several."""
        several = "AND content IN (SELECT content FROM pictures GROUP BY content HAVING count(*) > 1)" if shared else ""
        sql = "SELECT id, content, segment, row, width * height, bytes FROM pictures"
        rows = self._rows(f"{sql} WHERE id > ? {several} ORDER BY id LIMIT ?", (after, limit))
        return [PlacedRecord(*row) for row in rows]

    def rows_where(self, segment: int, *, label: str) -> list[int]:
        """Rows of one segment whose picture has this label."""
        sql = "SELECT row FROM pictures WHERE segment = ? AND label = CAST(? AS TEXT)"
        return [row for (row,) in self._rows(sql, (segment, _text(label)))]

    def put_pictures(self, pictures: Iterable[PictureRecord]) -> None:
        """Add pictures (id 0: a new one) or replace those of the same id."""
        self._many(
            "INSERT INTO pictures VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET path = excluded.path, content = excluded.content, bytes = excluded.bytes,"
            " mtime_ns = excluded.mtime_ns, width = excluded.width, height = excluded.height, label = excluded.label,"
            " segment = excluded.segment, row = excluded.row",
            ((p.id or None, os.fsencode(p.path), p.content, p.bytes, p.mtime_ns, p.width, p.height,
              None if p.label is None else _text(p.label), p.segment, p.row) for p in pictures),
        )  # fmt: skip

    def remove_pictures(self, pictures: Iterable[PictureRecord]) -> None:
        """Forget pictures; their rows become tombstones."""
        gone = list(pictures)
        self._many("DELETE FROM pictures WHERE id = ?", ((p.id,) for p in gone))
        self.bury(gone)

    def bury(self, pictures: Iterable[PictureRecord]) -> None:
        """Put a tombstone on the row that each picture had."""
        self._many(
            "INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?, ?, ?)",
            ((p.segment, p.row, p.content, p.width, p.height) for p in pictures),
        )

    def embedded(self) -> dict[str, EmbeddedRecord]:
        """Content hash -> the row that holds its vector, of pictures and under tombstones alike."""
        columns = "content, segment, row, width, height"
        sql = f"SELECT {columns} FROM tombstones UNION ALL SELECT {columns} FROM pictures"
        return {row[0]: EmbeddedRecord(*row) for row in self._rows(sql)}

    def skipped(self) -> list[SkippedRecord]:
        """Files that could not be read when they were last looked at."""
        sql = "SELECT path, bytes, mtime_ns, reason FROM skipped ORDER BY path"
        return [SkippedRecord(Path(path), *rest) for path, *rest in self._rows(sql)]

    def replace_skipped(self, skipped: Iterable[SkippedRecord]) -> None:
        """Remember exactly these."""
        self._many("DELETE FROM skipped", [()])
        self._many(
            "INSERT INTO skipped VALUES (CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))",
            ((os.fsencode(s.path), s.bytes, s.mtime_ns, _text(s.reason)) for s in skipped),
        )

    # Identities --------------------------------------------------------------------------------------------------

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of every identity, by the identity's name and then in the order of their enrolment."""
        if self._version < _WITH_IDENTITIES:
            return []
        rows = self._rows(
            "SELECT name, content, path, vector, quality, templates.created FROM templates"
            " JOIN identities ON identities.id = identity ORDER BY name, templates.id"
        )
        return [TemplateRecord(r[0], r[1], Path(r[2]), bytes(r[3]), json.loads(r[4]), r[5]) for r in rows]

    def add_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Add reference pictures, and the identities that are new with them."""
        for each in templates:
            name = _text(each.identity)
            self._many("INSERT OR IGNORE INTO identities (name, created) VALUES (CAST(? AS TEXT), ?)",
                       [(name, each.created)])  # fmt: skip
            self._many(
                "INSERT INTO templates (identity, content, path, vector, quality, created)"
                " VALUES ((SELECT id FROM identities WHERE name = CAST(? AS TEXT)), ?, CAST(? AS TEXT), ?, ?, ?)",
                [(name, each.content, os.fsencode(each.path), each.vector, json.dumps(each.quality), each.created)],
            )

    def remove_identities(self, names: Iterable[str]) -> None:
        """Forget identities and their reference pictures."""
        self._many("DELETE FROM identities WHERE name = CAST(? AS TEXT)", ((_text(name),) for name in names))

    def integrity_errors(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        return [str(row[0]) for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]

    def _pictures(self, clause: str, values: Sequence[Any]) -> list[PictureRecord]:
        columns = "id, path, content, bytes, mtime_ns, width, height, label, segment, row"
        rows = self._rows(f"SELECT {columns} FROM pictures {clause}", values)
        return [PictureRecord(row[0], Path(row[1]), *row[2:]) for row in rows]

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, _damage_named(self.folder / CATALOG_NAME):
            return self._connection.execute(sql, values).fetchall()

    def _many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._lock:
            self._connection.executemany(sql, values)


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _connect_reader(file: Path) -> sqlite3.Connection:
    """Open for reading and pin the snapshot.

    A reader that may write to the folder (never to the tables) takes SQLite's side files away when it is the last to
    go. One that may not leaves them; and a folder that nobody may write is opened as one that nobody does.
    """
    uri = file.absolute().as_uri()
    modes = ("mode=rw",) if os.access(file.parent, os.W_OK) else ("mode=ro", "immutable=1")
    for mode in modes:
        connection = sqlite3.connect(f"{uri}?{mode}", uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if mode == modes[-1]:
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise AssertionError("unreachable: the last mode returns or raises")


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise IndexFolderError(
            f"{file}: cannot be read as a catalog ({error})."
            " Restore the index from a backup, or delete it and build it again"
        ) from error
