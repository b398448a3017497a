"""The part of the catalog that `twinlens check` asks and a repair writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.store.pictures import PictureTable
from search.store.soundness import value_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from search.store.records import PictureRecord, SegmentRecord

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
    """What the rows of one segment belong to."""

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
        """Whether each row has a picture or a tombstone: rows are distinct among either."""
        inside = self.least >= 0 and self.most < self.rows
        return inside and self.both == 0 and self.pictures + self.tombstones == self.rows


class CatalogAudit(PictureTable):
    """Counts, ranges of rows, and what only a repair changes."""

    def _stream(self, sql: str) -> Iterator[list[Any]]:
        raise AssertionError("the catalog reads")

    def integrity_errors(self) -> list[str]:
        """What SQLite itself finds wrong: the structure of its file, and records that name what is not there."""
        found = [str(row[0]) for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]
        strays = self._rows("PRAGMA foreign_key_check")
        return found + [f"row {row} of {table} belongs to no row of {parent}" for table, row, parent, _ in strays]

    def value_errors(self) -> list[str]:
        """Values of other types than their readers take, in every table."""
        return list(value_problems(self._stream))

    def row_counts(self) -> list[RowCounts]:
        """What the rows of each segment belong to."""
        return [RowCounts(*row) for row in self._rows(_ROW_COUNTS, letters="knnniin")]

    def picture_rows(self, segment: int) -> list[int]:
        """Rows of a segment that have a picture."""
        return [row for (row,) in self._rows("SELECT row FROM pictures WHERE segment = ?", (segment,), letters="i")]

    def count_between(self, segment: int, rows: range) -> int:
        """Pictures in neighbouring rows of a segment."""
        sql = "SELECT count(*) FROM pictures WHERE segment = ? AND row >= ? AND row < ?"
        return int(self._rows(sql, (segment, rows.start, rows.stop))[0][0])

    def pictures_between(self, segment: int, rows: range, limit: int = -1) -> list[PictureRecord]:
        """Pictures in neighbouring rows of a segment, by row; `limit` -1 for all."""
        clause = "WHERE segment = ? AND row >= ? AND row < ? ORDER BY row LIMIT ?"
        return self._pictures(clause, (segment, rows.start, rows.stop, limit))

    def replace_files(self, segment: SegmentRecord) -> None:
        """Let a segment be held by other files: the same rows, with vectors or a structure made anew."""
        self._many(
            "UPDATE segments SET vectors = ?, structure = ?, kind = ?, parameters = ?, recall = ? WHERE id = ?",
            [
                (
                    segment.vectors,
                    segment.structure,
                    segment.kind,
                    json.dumps(segment.parameters),
                    segment.recall,
                    segment.id,
                )
            ],
        )

    def lose_rows(self, segment: int, rows: Iterable[int]) -> None:
        """Put tombstones on rows whose vectors are lost, under which no content can be found again."""
        self._many(
            "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, 0, 0)",
            ((segment, row, f"lost {segment}:{row}") for row in rows),
        )

    def drop_segment(self, segment: int) -> None:
        """Forget a segment that has no picture any more, with its tombstones."""
        self._many("DELETE FROM tombstones WHERE segment = ?", [(segment,)])
        self._many("DELETE FROM segments WHERE id = ?", [(segment,)])
