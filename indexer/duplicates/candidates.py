"""Find points that may have a near copy with the index's own structures: fast, and as approximate as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.distance import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indexer.duplicates.points import Points
    from search.store.segments import Segment
    from search.types import Floats, Mask

_BLOCK = 1024
_FIRST_K = 8
"""Number of neighbours searched for at first. One other point would be enough, but with more, a pair that is missed
from one side can still be found from the other."""
_GROWTH = 8


def candidates(
    points: Points, threshold: float, allowed: list[Mask | None], advance: Callable[[int], None] | None = None
) -> NDArray[np.int64]:
    """Points that have another point within the threshold in some segment, or that are such a neighbour, ascending.

    Args:
        points: all points.
        threshold: Euclidean distance.
        allowed: for each segment a mask of the rows to search, or None for all live ones.
        advance: callback with the number of points done.
    """
    marked = np.zeros(len(points), dtype=np.bool_)
    rows_of = [points.of_rows(number) for number in range(len(points.segments))]
    for start in range(0, len(points), _BLOCK):
        mine = np.arange(start, min(start + _BLOCK, len(points)))
        vectors = points.vectors(mine)
        for segment, of_rows, mask in zip(points.segments, rows_of, allowed, strict=True):
            _mark(marked, segment, of_rows, mask, mine, vectors, threshold)
        if advance is not None:
            advance(len(mine))
    return np.flatnonzero(marked)


def _mark(
    marked: Mask,
    segment: Segment,
    of_rows: NDArray[np.int64],
    mask: Mask | None,
    mine: NDArray[np.int64],
    vectors: Floats,
    threshold: float,
) -> None:
    """Search one segment for the neighbours of some points, with a growing k for points that only find themselves.

    If many rows hold the same vector, all k nearest rows can be the point itself, with a near copy behind them.
    """
    k = _FIRST_K
    while len(mine):
        distances, rows = segment.search(vectors, k, mask)
        near = (rows >= 0) & within(distances, threshold)
        neighbours = np.where(near, of_rows[rows], -1)
        other = (neighbours >= 0) & (neighbours != mine[:, None])
        marked[mine[other.any(axis=1)]] = True
        marked[neighbours[other]] = True
        unsettled = near.all(axis=1) & ~other.any(axis=1) & (near.shape[1] == k)  # fewer than k: those are all rows
        mine, vectors = mine[unsettled], vectors[unsettled]
        k *= _GROWTH
