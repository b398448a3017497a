"""Which points may have a near copy, asked of the index's own structures: fast, and as approximate as they are."""

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
"""Neighbours asked for at first. One other point is enough to go on; more give a pair that was missed from one side
another chance from the other."""
_GROWTH = 8


def candidates(
    points: Points, threshold: float, allowed: list[Mask | None], advance: Callable[[int], None] | None = None
) -> NDArray[np.int64]:
    """Points with another within the threshold in some segment, or found by one, ascending.

    Args:
        points: all of them.
        threshold: Euclidean distance.
        allowed: for each segment its rows that count, None for all live ones.
        advance: is told of points done.
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
    """Ask one segment for the neighbours of some points, for more and more of those whose answers are all their own.

    Where many rows hold one vector, the k nearest of it can all be at the same point, and a near copy behind them.
    """
    k = _FIRST_K
    while len(mine):
        distances, rows = segment.search(vectors, k, mask)
        near = (rows >= 0) & within(distances, threshold)
        found = np.where(near, of_rows[rows], -1)
        other = (found >= 0) & (found != mine[:, None])
        marked[mine[other.any(axis=1)]] = True
        marked[found[other]] = True
        unsettled = near.all(axis=1) & ~other.any(axis=1) & (near.shape[1] == k)  # else those were all rows
        mine, vectors = mine[unsettled], vectors[unsettled]
        k *= _GROWTH
