"""The vectors that an index has, segment by segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.segments import map_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.catalog import Catalog
    from search.types import Floats


class StoredVectors:
    """The vectors of the segments, each mapped when it is first asked for."""

    def __init__(self, catalog: Catalog, dim: int) -> None:
        self._folder = catalog.folder
        self._dim = dim
        self._records = {record.id: record for record in catalog.segments()}
        self._files = {file.name: file for file in catalog.files()}
        self._mapped: dict[int, Floats] = {}

    def segment(self, number: int) -> Floats:
        """Rows `(N, dim) float32` of one segment."""
        if number not in self._mapped:
            record = self._records[number]
            self._mapped[number] = map_vectors(self._folder, self._files[record.vectors], (record.rows, self._dim))
        return self._mapped[number]

    def take(self, places: Sequence[tuple[int, int]]) -> Floats:
        """The vectors `(n, dim) float32` of some (segment, row), in their order."""
        taken = np.empty((len(places), self._dim), dtype=np.float32)
        if places:
            segments, rows = np.array(places, dtype=np.int64).T
            for number in np.unique(segments).tolist():
                mine = segments == number
                taken[mine] = self.segment(number)[rows[mine]]
        return taken
