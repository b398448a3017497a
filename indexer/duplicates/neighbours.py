"""Find all pairs of points within a distance, by comparing every pair block by block on all cores."""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.duplicates.pair_list import PairList
from search.distance import pair_distances, within
from search.indexes.products import NumpyProducts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from indexer.duplicates.pair_list import Pairs
    from indexer.duplicates.points import Points
    from search.indexes.products import Products
    from search.types import Floats

_BLOCK = 2048
"""Columns of a product."""
_BLOCKS_OF_ROWS = 2
"""Blocks that make the rows of a product: the columns are read and converted once for both."""
_AHEAD = 2 * (os.cpu_count() or 1)
"""Blocks that wait to be counted, so that no core waits for the counting."""
_NONE = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)


class Neighbours:
    """Pairs of points whose distance is at most `threshold`.

    Most pairs are decided by a matrix product, whose rounding error is bounded. Pairs within that bound of the
    threshold are measured by `search.distance`, as in the engine. The result does not depend on the order of the
    points, on the blocks, or on the precision of the products. Memory is a few blocks, and a `PairList`, for any
    number of points.
    """

    def __init__(
        self,
        points: Points,
        chosen: NDArray[np.int64],
        threshold: float,
        products: Products | None = None,
        pairs: PairList | None = None,
    ) -> None:
        """Compare the points `chosen (M,)` with one another; the methods number them from 0 to M - 1.

        Args:
            points: all points.
            chosen: those to compare.
            threshold: Euclidean distance.
            products: multiply the blocks; defaults to NumPy.
            pairs: all pairs, if they are known already.
        """
        self._points, self._chosen, self._threshold = points, chosen, threshold
        self._products = products or NumpyProducts()
        self._pairs = pairs
        self._limit = 1.0 - threshold**2 / 2.0
        """The cosine at the threshold, from d^2 = 2 - 2 cos."""

    def degrees(self, advance: Callable[[int], None] | None = None) -> NDArray[np.int64]:
        """Number of other points within the threshold of each point, `(M,)`; `advance` gets the number done.

        The pairs are remembered, unless they are too many.
        """
        counts, pairs = np.zeros(len(self._chosen), dtype=np.int64), PairList(len(self._chosen))
        step = _BLOCK * _BLOCKS_OF_ROWS
        with self._products.threads() as pool:
            for start in range(0, len(counts), step):
                rows = self._prepared(start, step)
                compare = partial(self._later, rows, start, pairs)
                for one, other, distances in _side_by_side(pool, compare, range(start, len(counts), _BLOCK)):
                    np.add.at(counts, one, 1)
                    np.add.at(counts, other, 1)
                    pairs.add((one, other, distances))
                if advance is not None:
                    advance(len(rows[0]))
        self._pairs = pairs if pairs.complete else None
        return counts

    def among(self, kept: NDArray[np.bool_]) -> Neighbours:
        """The neighbours among some of the points, `(M,)`; only points without any neighbour may be left out."""
        pairs = None if self._pairs is None else self._pairs.renumbered(kept)
        return Neighbours(self._points, self._chosen[kept], self._threshold, self._products, pairs)

    def around(self, places: NDArray[np.int64]) -> Pairs:
        """The neighbours of some points, without the points themselves.

        Returns:
            Three arrays `(K,)`: the position in `places`, ascending; the number of the neighbour; the distance.
        """
        if self._pairs is not None:
            return self._pairs.of(places)
        vectors = self._points.vectors(self._chosen[places])
        rows = vectors, self._products.prepare(vectors)
        with self._products.threads() as pool:
            compare = partial(self._all, rows)
            parts = list(_side_by_side(pool, compare, range(0, len(self._chosen), _BLOCK)))
        which, others, distances = (np.concatenate(part) for part in zip(_NONE, *parts, strict=True))
        kept = np.flatnonzero(places[which] != others)
        order = kept[np.argsort(which[kept], kind="stable")]
        return which[order], others[order], distances[order]

    def _later(self, rows: tuple[Floats, Any], first: int, pairs: PairList, start: int) -> Pairs:
        """Pairs of a point of the rows, which are numbered from `first` on, and a later point of one block.

        Where the pairs are not kept, only those that the product leaves open are measured; other distances are NaN.
        """
        columns = self._prepared(start, _BLOCK)
        which, others, sure = self._products.above(rows[1], columns[1], self._limit)
        later = np.flatnonzero(which + first < others + start)
        which, others, sure = which[later], others[later], sure[later]
        distances = np.full(len(which), np.nan, dtype=np.float32)
        open_ones = slice(None) if pairs.complete else ~sure
        distances[open_ones] = pair_distances(rows[0], columns[0], which[open_ones], others[open_ones])
        kept = within(distances, self._threshold) | np.isnan(distances)
        return which[kept] + first, others[kept] + start, distances[kept]

    def _all(self, rows: tuple[Floats, Any], start: int) -> Pairs:
        """Pairs of a row and a point of one block."""
        columns = self._prepared(start, _BLOCK)
        which, others, _ = self._products.above(rows[1], columns[1], self._limit)
        distances = pair_distances(rows[0], columns[0], which, others)
        kept = within(distances, self._threshold)
        return which[kept], others[kept] + start, distances[kept]

    def _prepared(self, start: int, count: int) -> tuple[Floats, Any]:
        """Vectors of a block, plain and for products."""
        vectors = self._points.vectors(self._chosen[start : start + count])
        return vectors, self._products.prepare(vectors)


def _side_by_side(pool: Executor, compare: Callable[[int], Pairs], starts: Sequence[int]) -> Iterator[Pairs]:
    """The results of blocks, in order, with a bounded number of them in memory."""
    waiting: deque[Future[Pairs]] = deque()
    for start in starts:
        waiting.append(pool.submit(compare, start))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
