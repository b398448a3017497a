"""Collect imported rows until they fill a segment, then write and commit it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.committing import write_rows
from indexer.index_encoder import now
from search.records import PictureRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from indexer.exchange.rows import Row, Source
    from indexer.progress import Stages
    from search.catalog import Catalog
    from search.config import BuildConfig
    from search.metadata import ColumnType, Stored
    from search.records import SegmentRecord
    from search.types import Floats

_AT_ONCE = 10_000
"""Rows whose ids are looked up together."""


class SegmentWriter:
    """Holds the vectors of one segment at most."""

    def __init__(self, catalog: Catalog, source: Source, config: BuildConfig, rows: int, stages: Stages) -> None:
        """Make room for a segment of so many rows."""
        self._catalog, self._config, self._stages = catalog, config, stages
        self._columns = tuple(source.columns)
        self._vectors = np.empty((min(rows, source.count), source.dim), dtype=np.float32)
        self._rows: list[Row] = []
        self._old: list[PictureRecord] = []
        self.added = self.replaced = 0
        self.segments: list[SegmentRecord] = []
        self._first: Callable[[], None] | None = None
        self._new_columns: Mapping[str, ColumnType] = {}

    def at_first_commit(self, first: Callable[[], None] | None, columns: Mapping[str, ColumnType]) -> None:
        """Say what else the first commit is to hold: a change of the catalog, and new columns of metadata."""
        self._first, self._new_columns = first, columns

    def add(self, row: Row, vector: Floats, old: PictureRecord | None) -> None:
        """Take a row, with the picture that it takes the place of."""
        self._vectors[len(self._rows)] = vector
        self._rows.append(row)
        if old is not None:
            row.id = old.id
            self._old.append(old)
        if len(self._rows) == len(self._vectors):
            self.flush()

    def flush(self) -> None:
        """Write what was taken as a segment, and make it visible by one commit."""
        if not self._rows:
            return
        vectors = self._in_order()
        segment, files = write_rows(self._catalog, vectors, self._config, self._stages)
        assert segment is not None, "there are rows"
        with self._catalog.transaction():
            if self._first is not None:
                self._first()
            self._catalog.metadata.add_columns(self._new_columns)
            self._catalog.add_files(files)
            self._catalog.add_segment(segment, now())
            self._catalog.bury(self._old)
            self._catalog.put_pictures(self._records(segment.id))
            self._put_metadata()
            self._catalog.set(updated=now())
        self.segments.append(segment)
        self.added += len(self._rows) - len(self._old)
        self.replaced += len(self._old)
        self._rows, self._old = [], []
        self._first, self._new_columns = None, {}

    def _in_order(self) -> Floats:
        """Sort by id, new pictures last: rows ascend with ids, so that ties by row are ties by id."""
        vectors: Floats = self._vectors[: len(self._rows)]
        if not self._old:
            return vectors
        order = sorted(range(len(self._rows)), key=lambda place: (self._rows[place].id or 2**63, place))
        self._rows = [self._rows[place] for place in order]
        return vectors[order]

    def _records(self, segment: int) -> Iterator[PictureRecord]:
        for number, row in enumerate(self._rows):
            yield PictureRecord(row.id, Path(row.path), row.content, row.bytes, row.mtime_ns, row.width, row.height,
                                row.label, segment, number)  # fmt: skip

    def _put_metadata(self) -> None:
        if not self._columns:
            return
        for start in range(0, len(self._rows), _AT_ONCE):
            some = self._rows[start : start + _AT_ONCE]
            ids = self._catalog.ids_at([row.path for row in some])
            values: list[tuple[int, tuple[Stored, ...]]] = [(ids[row.path], row.metadata) for row in some]
            told = (each for each in values if any(value is not None for value in each[1]))
            self._catalog.metadata.put(self._columns, told)
