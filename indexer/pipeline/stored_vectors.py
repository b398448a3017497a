"""Read vectors from the segments of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.errors import IndexFolderError
from search.store.segments import beyond, map_guarded, named_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.store.catalog import Catalog
    from search.store.vector_file import BlockGuard
    from search.types import Floats


class StoredVectors:
    """The vectors of all segments; each segment is mapped when it is first used."""

    def __init__(self, catalog: Catalog, dim: int) -> None:
        self._folder = catalog.folder
        self._dim = dim
        self._records = {record.id: record for record in catalog.segments.records()}
        self._files = {file.name: file for file in catalog.files.records()}
        self._mapped: dict[int, tuple[Floats, BlockGuard]] = {}

    def take(self, places: Sequence[tuple[int, int]]) -> Floats:
        """The vectors `(n, dim) float32` of (segment, row) pairs, in their order.

        Raises:
            DamagedFileError: they are damaged. A copy would get valid checksums.
        """
        taken = np.empty((len(places), self._dim), dtype=np.float32)
        if places:
            segments, rows = np.array(places, dtype=np.int64).T
            for number in np.unique(segments).tolist():
                inside = segments == number
                vectors, guard = self._segment(number)
                if not 0 <= rows[inside].min() <= rows[inside].max() < len(vectors):
                    raise IndexFolderError(f"segment {number} {beyond(int(rows[inside].max()), len(vectors))}")
                guard.use(rows[inside])
                taken[inside] = vectors[rows[inside]]
        return taken

    def _segment(self, number: int) -> tuple[Floats, BlockGuard]:
        if number not in self._mapped:
            if number not in self._records:
                raise IndexFolderError(f"{self._folder}: its catalog names a segment {number}, which does not exist")
            record = self._records[number]
            file = named_file(self._folder, self._files, record.vectors)
            self._mapped[number] = map_guarded(self._folder, file, (record.rows, self._dim))
        return self._mapped[number]
