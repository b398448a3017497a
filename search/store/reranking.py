"""Measure and order candidate rows by their exact distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.distance import OPPOSITE, cosine_error, distances, nearest_pairs, nearest_rows
from search.store.parallel import each_block

if TYPE_CHECKING:
    from search.types import Floats, Mask, Rows

_COPIED = 512
"""Candidates of one query that are copied, which is faster than to read them twice where they lie."""
_FEW = 48
"""Of those, candidates up to which it is faster to measure all than to exclude some."""
_PAIRS = 2_048
"""Pairs of a query and a row that a thread measures at a time."""
_SMALLEST = np.float32(1e-30)
"""Squared distances below this may be inexact as float32, beyond the relative error."""


def rerank(vectors: Floats, queries: Floats, rows: Rows, k: int, squares: Floats | None = None) -> tuple[Floats, Rows]:
    """Order candidate rows by their exact distance to each query, ties by row, and keep the first k.

    Args:
        vectors: `(N, D) float32`.
        queries: `(Q, D) float32`.
        rows: `(Q, C)` with C >= k; -1 is none, and comes last.
        k: rows to keep.
        squares: their squared distances `(Q, C)`, added as float32 in any order; computed here if None.
    """
    vectors = vectors.view(np.ndarray)  # of a memory map, which makes an object of its class at each step
    if len(queries) == 1 and 0 < rows.size <= _COPIED and rows[0, -1] >= 0:
        return _of_one(vectors, queries[0], rows[0], k)
    which, place = np.nonzero(_may_be_nearest(vectors, queries, rows, k, squares))
    if len(queries) == 1 and len(place) <= _PAIRS:
        return nearest_rows(vectors, queries[0], rows[0, place], k)
    return _ordered(vectors, queries, which, rows[which, place], k)


def _of_one(vectors: Floats, query: Floats, candidates: Rows, k: int) -> tuple[Floats, Rows]:
    """As `rerank`, for one query `(D,)` and candidates `(C,)`, of which cosines exclude most.

    In as few steps as possible: at this size, a step of NumPy costs more than its sums.
    """
    copied = vectors[candidates]
    if len(candidates) > max(_FEW, k):
        cosines = np.einsum("cd,d->c", copied, query)
        kth = np.partition(cosines, -k)[-k]
        if kth > OPPOSITE:
            near = (cosines >= kth - 2 * cosine_error(len(query))).nonzero()[0]  # as both have an error
            copied, candidates = copied[near], candidates[near]
    measured = distances(copied, query)
    first = np.lexsort((candidates, measured))[None, :k]
    return measured[first], candidates[first]


def _ordered(vectors: Floats, queries: Floats, which: Rows, rows: Rows, k: int) -> tuple[Floats, Rows]:
    """`nearest_pairs`, by several threads if there are many pairs."""
    if len(which) <= _PAIRS:
        return nearest_pairs(vectors, queries, which, rows, k)
    distances = np.empty((len(queries), k), dtype=np.float32)
    nearest = np.empty((len(queries), k), dtype=np.int64)
    ends = np.searchsorted(which, np.arange(len(queries)), side="right")  # of the pairs of each query
    parts = np.split(np.arange(len(queries)), np.flatnonzero(np.diff(ends // _PAIRS)) + 1)

    def measure(number: int) -> None:
        first, last = int(parts[number][0]), int(parts[number][-1]) + 1
        pairs = slice(int(ends[first - 1]) if first else 0, int(ends[last - 1]))
        part = slice(first, last)
        distances[part], nearest[part] = nearest_pairs(vectors, queries[part], which[pairs] - first, rows[pairs], k)

    each_block(range(len(parts)), measure, len(which) * vectors.shape[1] * 8)
    return distances, nearest


def _may_be_nearest(vectors: Floats, queries: Floats, rows: Rows, k: int, squares: Floats | None) -> Mask:
    """Candidates `(Q, C)` that may be among the k nearest, ties included: their float32 distances do not exclude them.

    The rounding errors of a sum of D squares of differences, whatever its order, are at most a share of (D + 2) 2^-24
    of the sum. The margin is four times that, for both sides of the comparison and for the distances, which are equal
    if they differ by less than float32 can hold.
    """
    if rows.shape[1] <= k:
        return np.ones(rows.shape, dtype=np.bool_)
    if squares is None:
        from search.indexes.squares import squares_of

        squares = squares_of(vectors, queries, rows)
    squares = np.where(rows < 0, np.float32(np.inf), np.minimum(squares, np.float32(4.0)))  # distances end at 2
    margin = np.float32(1 + 4 * (vectors.shape[1] + 8) * 2.0**-24)
    limit = np.partition(squares, k - 1, axis=1)[:, k - 1 : k] * margin + _SMALLEST
    chosen: Mask = squares <= limit
    return chosen
