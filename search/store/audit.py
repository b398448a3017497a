"""Check the consistency of a catalog for `twinlens check`: SQLite's checks, the values, and the rows of segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.store.database import Database

_ROW_COUNTS = """
SELECT id, rows, coalesce(p.number, 0), coalesce(t.number, 0),
    min(coalesce(p.least, 0), coalesce(t.least, 0)), max(coalesce(p.most, -1), coalesce(t.most, -1)),
    (SELECT count(*) FROM tombstones d JOIN pictures b ON b.segment = d.segment AND b.row = d.row WHERE d.segment = id)
FROM segments
LEFT JOIN (SELECT segment, count(*) AS number, min(row) AS least, max(row) AS most FROM pictures GROUP BY segment) p
    ON p.segment = id
LEFT JOIN (SELECT segment, count(*) AS number, min(row) AS least, max(row) AS most FROM tombstones GROUP BY segment) t
    ON t.segment = id
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of one segment have a picture, a tombstone, or both."""

    segment: int
    rows: int
    pictures: int
    tombstones: int
    least: int
    """Smallest row with a picture or a tombstone, at most 0."""
    most: int
    """Greatest row with either, at least -1."""
    both: int
    """Rows with both."""

    @property
    def sound(self) -> bool:
        """Whether each row has exactly one picture or one tombstone; no row has two pictures or two tombstones."""
        inside = self.least >= 0 and self.most < self.rows
        return inside and self.both == 0 and self.pictures + self.tombstones == self.rows


class CatalogAudit:
    """Finds errors within a catalog, and rows of segments that its tables do not account for."""

    def __init__(self, database: Database) -> None:
        """Check the catalog in this database."""
        self._rows, self._pages = database.rows, database.pages

    def integrity_errors(self) -> list[str]:
        """Errors that SQLite reports: in the structure of its file, and records that refer to missing ones."""
        structural = [str(row[0]) for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]
        dangling = self._rows("PRAGMA foreign_key_check")
        return structural + [
            f"row {row} of {table} belongs to no row of {parent}" for table, row, parent, _ in dangling
        ]

    def value_errors(self) -> list[str]:
        """Values of the wrong type, in every table."""
        from search.store.soundness import value_problems  # which no query needs

        return list(value_problems(self._pages))

    def row_counts(self) -> list[RowCounts]:
        """The counts of each segment, by id."""
        return [RowCounts(*row) for row in self._rows(_ROW_COUNTS, letters="knnniin")]
