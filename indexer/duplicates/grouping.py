"""Groups around representatives: every member lies within the threshold of its group's representative.

The point with the most others within the threshold represents all of them; then the one with the most of those left;
and so on (stars, as Aslam et al. call them). In a chain a-b-c-d of small steps, b represents a and c, and d stands for
itself: no two members of a group are farther apart than twice the threshold, however many small steps lie between.
Complete linkage would bound that by the threshold itself, but tears an original's copies apart where two of them
differ from each other more than either does from the original.

Source: Aslam, Pelekhov and Rus, "The star clustering algorithm for static and dynamic information organization",
Journal of Graph Algorithms and Applications 8, 2004.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indexer.duplicates.neighbours import Neighbours
    from indexer.duplicates.points import Points

_AT_ONCE = 1024
_PAIRS_AT_ONCE = 2_000_000
"""Neighbours held at once, unless a single point has more."""


def group_points(
    points: Points,
    chosen: NDArray[np.int64],
    neighbours: Neighbours,
    degrees: NDArray[np.int64],
    advance: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give each point its representative.

    Representatives are taken by most neighbours, then most pixels, then most bytes, then the smallest content hash:
    nothing that depends on the order of pictures or segments. No two of them are within the threshold of each other.
    A point within the threshold of several belongs to the nearest, of equally near ones to the one taken first.

    Args:
        points: all points.
        chosen: `(M,)`, those that are grouped.
        neighbours: who is near whom among them, by their places in `chosen`.
        degrees: `(M,)`, the number of neighbours of each.
        advance: is told of points that are done.

    Returns:
        `(M,)` the place of each point's representative, its own where it has none; `(M,)` the distance to it.
    """
    owner = np.full(len(chosen), -1, dtype=np.int64)
    distance = np.full(len(chosen), np.inf)
    order = _order(points, chosen, degrees)
    begin = 0
    while begin < len(order):
        waiting = order[begin : begin + _AT_ONCE]
        open_ones = waiting[owner[waiting] < 0]
        taken = max(1, int(np.searchsorted(np.cumsum(degrees[open_ones]), _PAIRS_AT_ONCE, side="right")))
        block = open_ones[:taken]
        done = len(waiting) if taken >= len(open_ones) else int(np.flatnonzero(waiting == open_ones[taken])[0])
        if len(block):
            _take(block, neighbours, owner, distance)
        begin += done
        if advance is not None:
            advance(done)
    return owner, distance


def _order(points: Points, chosen: NDArray[np.int64], degrees: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of points in the order in which they may become representatives."""
    content = np.array([points.content[point] for point in chosen.tolist()], dtype=np.str_)
    return np.lexsort((content, -points.bytes[chosen], -points.pixels[chosen], -degrees))


def _take(
    block: NDArray[np.int64], neighbours: Neighbours, owner: NDArray[np.int64], distance: NDArray[np.float64]
) -> None:
    which, found, apart = neighbours.around(block)
    bounds = np.searchsorted(which, np.arange(len(block) + 1))
    for number, place in enumerate(block.tolist()):
        if owner[place] >= 0:  # an earlier one of this block took it
            continue
        owner[place], distance[place] = place, 0.0
        mine = slice(bounds[number], bounds[number + 1])
        nearer = apart[mine] < distance[found[mine]]
        taken = found[mine][nearer]
        owner[taken], distance[taken] = place, apart[mine][nearer]
