"""The table of pictures in the catalog: look up by id, path, content, row or filter; add, change and remove."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.chunks import BOUND_VALUES, chunks
from search.errors import QueryError
from search.store.database import PAGE, as_text
from search.store.metadata import values_of
from search.store.records import PictureRecord, ShownRecord
from search.store.values import ANYTHING, TABLES, kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from search.filters.conditions import Condition
    from search.store.database import Database
    from search.store.metadata import MetadataTable, StoredColumn
    from search.store.retained import RetainedTable
    from search.store.tombstones import TombstoneTable

_WITH_INODES = 7
"""First version of the catalog that stores the inode of a file, and when it changed."""
_PICTURE = tuple(TABLES["pictures"])
_NOT_BEFORE = ("ctime_ns", "inode")
"""Columns that older versions lack."""


class PictureTable:
    """One row per picture: its file, its label, and where its vector lies."""

    def __init__(
        self, database: Database, metadata: MetadataTable, retained: RetainedTable, tombstones: TombstoneTable
    ) -> None:
        """Use the database of a catalog, and the tables that filters and removals need."""
        self._metadata = metadata
        self._retained = retained
        self._tombstones = tombstones
        self._columns = _PICTURE
        if database.version < _WITH_INODES:
            self._columns = tuple(each for each in _PICTURE if each not in _NOT_BEFORE)
        self._rows, self._many = database.rows, database.many

    def count(self) -> int:
        """Number of pictures in the index."""
        return int(self._rows("SELECT count(*) FROM pictures")[0][0])

    def greatest_id(self) -> int:
        """The greatest id of a picture; 0 if there is no picture."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM pictures")[0][0])

    def label_counts(self) -> dict[str, int]:
        """Label -> number of pictures; unlabelled pictures are not counted."""
        sql = "SELECT label, count(*) FROM pictures WHERE label IS NOT NULL GROUP BY label ORDER BY label"
        return dict(self._rows(sql, letters="tn"))

    def records(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; -1 for all."""
        return self._read("WHERE id > ? ORDER BY id LIMIT ?", (after, limit))

    def get(self, picture_id: int) -> PictureRecord | None:
        """The picture with an id; None if there is none."""
        if not 0 < picture_id < 2**63:  # beyond the integers of SQLite
            return None
        records = self._read("WHERE id = ?", (picture_id,))
        return records[0] if records else None

    def shown_at(self, segment: int, rows: Sequence[int], columns: Sequence[StoredColumn]) -> dict[int, ShownRecord]:
        """Row -> what a hit shows, with the values of some columns, by one statement for up to 500 rows.

        Rows without a picture are left out.
        """
        names = ", ".join(["row", "id", "path", "label", *(each.sql for each in columns)])
        tables = "pictures LEFT JOIN metadata ON picture = id" if columns else "pictures"
        letters = kinds("pictures", "row", "id", "path", "label") + ANYTHING * len(columns)
        shown: dict[int, ShownRecord] = {}
        nothing = [None] * len(columns)
        for chunk in chunks(rows):
            values = [*chunk, *[chunk[-1]] * (_marks_for(len(chunk)) - len(chunk))]
            sql = f"SELECT {names} FROM {tables} WHERE segment = ? AND row IN ({','.join('?' * len(values))})"
            for row, key, path, label, *given in self._rows(sql, (segment, *values), letters):
                metadata = {} if given == nothing else values_of(columns, given)
                shown[row] = ShownRecord(key, Path(path), label, metadata)
        return shown

    def ids_at(self, paths: Sequence[str]) -> dict[str, int]:
        """Path -> id, for those of the given paths that have a picture."""
        ids: dict[str, int] = {}
        for chunk in chunks([os.fsencode(path) for path in paths]):
            marks = ",".join(["CAST(? AS TEXT)"] * len(chunk))
            ids.update(self._rows(f"SELECT path, id FROM pictures WHERE path IN ({marks})", chunk, letters="pk"))
        return ids

    def ids_among(self, ids: Sequence[int]) -> list[int]:
        """Those of the given ids that a picture has."""
        existing: list[int] = []
        valid = [key for key in ids if 0 < key < 2**63]
        for chunk in chunks(valid):
            existing += [
                key
                for (key,) in self._rows(f"SELECT id FROM pictures WHERE id IN ({','.join('?' * len(chunk))})", chunk)
            ]
        return existing

    def of(self, ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; unknown ids are skipped."""
        records: list[PictureRecord] = []
        valid = sorted({key for key in ids if 0 < key < 2**63})
        for chunk in chunks(valid):
            records += self._read(f"WHERE id IN ({','.join('?' * len(chunk))}) ORDER BY id", chunk)
        return records

    def at_paths(self, paths: Sequence[str]) -> list[PictureRecord]:
        """The pictures at the given paths, by ascending id."""
        return self.of(list(self.ids_at(paths).values()))

    def of_contents(self, contents: Sequence[str]) -> list[PictureRecord]:
        """All pictures with one of the given contents, by ascending id."""
        records: dict[int, PictureRecord] = {}
        for chunk in chunks(contents):
            marks = ",".join("?" * len(chunk))
            records.update((each.id, each) for each in self._read(f"WHERE content IN ({marks})", chunk))
        return [records[key] for key in sorted(records)]

    def ids_below(self, folder: str) -> list[int]:
        """Ids of the pictures in a folder and its subfolders, ascending."""
        first, end = os.fsencode(folder.rstrip("/")) + b"/", os.fsencode(folder.rstrip("/")) + b"0"  # 0 follows /
        sql = "SELECT id FROM pictures WHERE path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY id"
        return [key for (key,) in self._rows(sql, (first, end))]

    def folders(self, roots: Iterable[Path] = ()) -> Iterator[Path]:
        """Folders that together contain all pictures outside of these roots, each folder once.

        The index of paths is read in leaps: from the first picture in a folder to the first one after the folder.
        """
        reached, known = b"", set(roots)
        sql = "SELECT path FROM pictures WHERE path >= CAST(? AS TEXT) ORDER BY path LIMIT 1"
        while rows := self._rows(sql, (reached,), letters="p"):
            path = Path(rows[0][0])
            folder = next((each for each in path.parents if each in known), None)
            if folder is None:
                folder = path.parent
                yield folder
            behind = os.fsencode(folder).rstrip(b"/") + b"0"  # 0 follows /
            reached = max(behind, os.fsencode(path) + b"\x01")

    def below(self, folder: Path) -> Iterator[PictureRecord]:
        """All pictures below a folder, or at this very path, sorted by the bytes of their paths; read in pages."""
        yield from self.at_paths([str(folder)])
        start = os.fsencode(folder).rstrip(b"/")
        reached, end = start + b"/", start + b"0"  # 0 follows /
        clause = "WHERE path > CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path LIMIT ?"
        while page := self._read(clause, (reached, end, PAGE)):
            yield from page
            reached = os.fsencode(page[-1].path)

    def pages(self) -> Iterator[list[PictureRecord]]:
        """All pictures by ascending id, one page at a time."""
        reached = 0
        while page := self.records(after=reached, limit=PAGE):
            yield page
            reached = page[-1].id

    def between(self, segment: int, rows: range, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures in a range of rows of a segment, by row; -1 for all."""
        clause = "WHERE segment = ? AND row >= ? AND row < ? ORDER BY row LIMIT ?"
        return self._read(clause, (segment, rows.start, rows.stop, limit))

    def ids_matching(self, pattern: str) -> list[int]:
        """Ids of the pictures whose path matches a pattern with `*`, `?` and `[...]`, ascending."""
        sql = "SELECT id FROM pictures WHERE path GLOB CAST(? AS TEXT) ORDER BY id"
        return [key for (key,) in self._rows(sql, (os.fsencode(pattern),))]

    def first_and_last_path(self) -> tuple[str, str] | None:
        """The first and last of all paths in the order of their bytes; None if there is no picture."""
        first, last = self._rows("SELECT min(path), max(path) FROM pictures", letters="PP")[0]
        return None if first is None else (first, last)

    def ids_where(self, condition: Condition) -> list[int]:
        """Ids of the pictures that match a condition, ascending.

        Raises:
            QueryError: the condition is invalid, or None: a removal with an empty filter must not remove everything.
        """
        if condition is None:
            raise QueryError("no filter was given: say which pictures are meant")
        return self._metadata.numbers("pictures.id", condition)

    def count_where(self, condition: Condition | None) -> int:
        """Number of pictures that match a condition; raises QueryError if it is invalid."""
        return int(self._metadata.select("count(*)", condition))

    def put(self, pictures: Iterable[PictureRecord]) -> None:
        """Add pictures (with the id 0), or replace those with the same id."""
        self._many(
            "INSERT INTO pictures VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET path = excluded.path, content = excluded.content, bytes = excluded.bytes,"
            " mtime_ns = excluded.mtime_ns, width = excluded.width, height = excluded.height, label = excluded.label,"
            " segment = excluded.segment, row = excluded.row, ctime_ns = excluded.ctime_ns, inode = excluded.inode",
            (
                (
                    p.id or None,
                    os.fsencode(p.path),
                    p.content,
                    p.bytes,
                    p.mtime_ns,
                    p.width,
                    p.height,
                    None if p.label is None else as_text(p.label),
                    p.segment,
                    p.row,
                    p.ctime_ns,
                    p.inode,
                )
                for p in pictures
            ),
        )

    def free_paths(self, pictures: Iterable[PictureRecord]) -> None:
        """Free the paths of pictures that move in the same transaction, perhaps to each other's paths."""
        self._many("UPDATE pictures SET path = id WHERE id = ?", ((p.id,) for p in pictures))

    def remove(self, pictures: Iterable[PictureRecord]) -> None:
        """Remove pictures: their rows become tombstones, and their metadata and labels are retained for a while."""
        removed = list(pictures)
        self._retained.keep(removed)
        self._many("DELETE FROM pictures WHERE id = ?", ((p.id,) for p in removed))
        self._tombstones.put(removed)

    def _read(self, clause: str, values: Sequence[Any]) -> list[PictureRecord]:
        sql = f"SELECT {', '.join(self._columns)} FROM pictures {clause}"
        rows = self._rows(sql, values, letters=kinds("pictures", *self._columns))
        return [PictureRecord(row[0], Path(row[1]), *row[2:]) for row in rows]


def _marks_for(values: int) -> int:
    """A power of two, so that few different statements are parsed; at most `BOUND_VALUES`."""
    return min(1 << (values - 1).bit_length(), BOUND_VALUES)
