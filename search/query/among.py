"""Find the nearest of chosen pictures, in every segment of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.store.catalog import Catalog
    from search.store.segments import Segment
    from search.types import Floats, Mask


class Pictures(NamedTuple):
    """Arrays `(N,)` of pictures, by ascending id, and where their vectors are."""

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    rows: NDArray[np.int64]
    contents: NDArray[np.uint32]
    """`search.store.places.content_number` of each."""

    @classmethod
    def of_catalog(cls, catalog: Catalog) -> Pictures:
        """All pictures of a catalog."""
        pages = [np.array(page, dtype=np.int64).reshape(-1, 4) for page in catalog.places.numbered_pages()]
        ids, segments, rows, contents = np.concatenate([np.empty((0, 4), dtype=np.int64), *pages]).T
        return cls(ids, segments, rows, contents.astype(np.uint32))

    def take(self, chosen: Mask | NDArray[np.int64]) -> Pictures:
        """Some of the pictures, by a mask or by ascending numbers."""
        return Pictures(self.ids[chosen], self.segments[chosen], self.rows[chosen], self.contents[chosen])


class Among:
    """Searches among `pictures`; numbers them from 0."""

    def __init__(self, segments: Sequence[Segment], pictures: Pictures) -> None:
        self._parts = []
        for segment in segments:
            mine = np.flatnonzero(pictures.segments == segment.id)
            if len(mine):
                numbers = np.full(len(segment.vectors) + 1, -1, dtype=np.int64)  # the last is for row -1
                numbers[pictures.rows[mine]] = mine
                self._parts.append((segment, numbers))

    def nearest(self, queries: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """The k nearest of the pictures to each query `(Q, D)`, unit rows: `Segment.search` in every segment.

        Returns:
            Distances `(Q, K)` and numbers of pictures of the same shape, nearest first, ties by number; K is k, or
            less if there are fewer pictures.
        """
        distances, numbers = [np.empty((len(queries), 0), np.float32)], [np.empty((len(queries), 0), np.int64)]
        for segment, of_row in self._parts:
            chosen = of_row[:-1] >= 0
            everything = np.array_equal(chosen, np.ones_like(chosen) if segment.live is None else segment.live)
            apart, rows = segment.search(queries, k, None if everything else chosen)
            found = min(k, int(np.count_nonzero(chosen)))
            distances.append(apart[:, :found])
            numbers.append(of_row[rows[:, :found]])
        merged, which = np.concatenate(distances, axis=1), np.concatenate(numbers, axis=1)
        order = np.lexsort((which, merged), axis=1)[:, :k]
        return np.take_along_axis(merged, order, axis=1), np.take_along_axis(which, order, axis=1)
