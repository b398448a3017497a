"""The table of segments in the catalog: the files of each, its number of rows, and its tuned structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from search.store.json_values import checked_parameters, checked_tuning
from search.store.records import SegmentRecord
from search.store.values import kinds

if TYPE_CHECKING:
    from search.store.database import Database
    from search.store.file_table import FileTable


_WITH_TUNING = 8
"""First version of the catalog that stores how a segment was tuned."""


class SegmentTable:
    """One row per segment; `search.store.segments` reads the files."""

    def __init__(self, database: Database, files: FileTable) -> None:
        """Use the database of a catalog and its table of files."""
        self._files = files
        self._tuning = ("tuning",) if database.version >= _WITH_TUNING else ()
        self._rows, self._many, self._values_named = database.rows, database.many, database.values_named

    def records(self) -> list[SegmentRecord]:
        """All segments, oldest first."""
        columns = ("id", "vectors", "structure", "rows", "kind", "parameters", "recall", *self._tuning)
        rows = self._rows(f"SELECT {', '.join(columns)} FROM segments ORDER BY id", letters=kinds("segments", *columns))
        with self._values_named():
            return [
                SegmentRecord(
                    *(key, vectors, structure, count, kind, checked_parameters(parameters), recall),
                    *map(checked_tuning, tuning),
                )
                for key, vectors, structure, count, kind, parameters, recall, *tuning in rows
            ]

    def next_id(self) -> int:
        """An unused id, greater than those of all present segments."""
        return int(self._rows("SELECT coalesce(max(id), 0) + 1 FROM segments")[0][0])

    def add(self, segment: SegmentRecord, created: str) -> None:
        """Add a segment whose files are in place."""
        self._many(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    _tuning_text(segment),
                )
            ],
        )

    def replace_all(self, segment: SegmentRecord | None, created: str) -> None:
        """Replace all segments by one whose rows are all pictures by ascending id; within a transaction.

        `segment` is None if no pictures are left. The tombstones and files of the old segments are dropped.
        """
        if segment is not None:
            self.add(segment, created)
            self._many(
                "UPDATE pictures SET segment = ?, row = numbered.row"
                " FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS row FROM pictures) AS numbered"
                " WHERE numbered.id = pictures.id",
                [(segment.id,)],
            )
        kept = 0 if segment is None else segment.id
        old = [each for each in self.records() if each.id != kept]
        for table, column in (("tombstones", "segment"), ("segments", "id")):
            self._many(f"DELETE FROM {table} WHERE {column} = ?", ((each.id,) for each in old))
        self._files.drop(name for each in old for name in (each.vectors, each.structure) if name is not None)

    def replace_files(self, segment: SegmentRecord) -> None:
        """Replace the files of a segment: the same rows, with new vectors or a new structure."""
        self._many(
            "UPDATE segments SET vectors = ?, structure = ?, kind = ?, parameters = ?, recall = ?, tuning = ?"
            " WHERE id = ?",
            [
                (
                    segment.vectors,
                    segment.structure,
                    segment.kind,
                    json.dumps(segment.parameters),
                    segment.recall,
                    _tuning_text(segment),
                    segment.id,
                )
            ],
        )

    def drop(self, segment: int) -> None:
        """Delete a segment without pictures, and its tombstones."""
        self._many("DELETE FROM tombstones WHERE segment = ?", [(segment,)])
        self._many("DELETE FROM segments WHERE id = ?", [(segment,)])


def _tuning_text(segment: SegmentRecord) -> str | None:
    return None if segment.tuning is None else json.dumps(segment.tuning.to_dict())
