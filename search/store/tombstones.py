"""Tombstones: the rows of segments that no picture has any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.store.database import Database
    from search.store.records import PictureRecord


class TombstoneTable:
    """One row per tombstone; a tombstone goes when its segment does."""

    def __init__(self, database: Database) -> None:
        """Take the database of the catalog."""
        self._rows, self._many = database.rows, database.many

    def rows(self, segment: int) -> list[int]:
        """Rows of a segment that are under a tombstone."""
        return [row for (row,) in self._rows("SELECT row FROM tombstones WHERE segment = ?", (segment,), letters="n")]

    def put(self, pictures: Iterable[PictureRecord]) -> None:
        """Put a tombstone on the row that each picture had."""
        self._many(
            "INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?, ?, ?)",
            ((p.segment, p.row, p.content, p.width, p.height) for p in pictures),
        )

    def put_on_lost(self, segment: int, rows: Iterable[int]) -> None:
        """Put tombstones on rows whose vectors are lost, under which no content can be found again."""
        self._many(
            "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, 0, 0)",
            ((segment, row, f"lost {segment}:{row}") for row in rows),
        )
