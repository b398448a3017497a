"""The table of tombstones in the catalog: rows of segments whose picture was removed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.store.database import Database
    from search.store.records import PictureRecord


class TombstoneTable:
    """One row per tombstone; tombstones are deleted with their segment."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._rows, self._many = database.rows, database.many

    def rows(self, segment: int) -> list[int]:
        """Rows of a segment that have a tombstone."""
        return [row for (row,) in self._rows("SELECT row FROM tombstones WHERE segment = ?", (segment,), letters="n")]

    def put(self, pictures: Iterable[PictureRecord]) -> None:
        """Add a tombstone for the row of each of these records."""
        self._many(
            "INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?, ?, ?)",
            ((p.segment, p.row, p.content, p.width, p.height) for p in pictures),
        )

    def put_on_lost(self, segment: int, rows: Iterable[int]) -> None:
        """Add tombstones for rows whose vectors are lost; no content is ever looked up under them."""
        self._many(
            "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, 0, 0)",
            ((segment, row, f"lost {segment}:{row}") for row in rows),
        )
