"""Group points around representatives: every member is within the threshold of its group's representative.

The point with the most neighbours within the threshold represents all of them; then the one with the most of the
remaining points; and so on (star clustering, Aslam et al.). In a chain a-b-c-d of small steps, b represents a and c,
and d is a group of its own: two members of a group are never farther apart than twice the threshold, however long the
chain. Complete linkage would bound this by the threshold itself, but it separates two copies of an original that
differ more from each other than from the original.

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
"""Largest number of neighbours in memory, unless a single point has more."""


def group_points(
    points: Points,
    chosen: NDArray[np.int64],
    neighbours: Neighbours,
    degrees: NDArray[np.int64],
    advance: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Assign each point to a representative.

    Representatives are chosen by most neighbours, then most pixels, then most bytes, then the smallest content hash, so
    that the order of pictures and segments has no effect. Two representatives are never within the threshold of each
    other. A point within the threshold of several belongs to the nearest; of equally near ones, to the first chosen.

    Args:
        points: all points.
        chosen: `(M,)`, the points to group.
        neighbours: the pairs within the threshold among them, by positions in `chosen`.
        degrees: `(M,)`, the number of neighbours of each.
        advance: callback with the number of points done.

    Returns:
        `(M,)` the position of each point's representative, its own position without one; `(M,)` the distance to it.
    """
    owner = np.full(len(chosen), -1, dtype=np.int64)
    distance = np.full(len(chosen), np.inf)
    order = _order(points, chosen, degrees)
    begin = 0
    while begin < len(order):
        waiting = order[begin : begin + _AT_ONCE]
        ungrouped = waiting[owner[waiting] < 0]
        taken = max(1, int(np.searchsorted(np.cumsum(degrees[ungrouped]), _PAIRS_AT_ONCE, side="right")))
        block = ungrouped[:taken]
        done = len(waiting) if taken >= len(ungrouped) else int(np.flatnonzero(waiting == ungrouped[taken])[0])
        if len(block):
            _take(block, neighbours, owner, distance)
        begin += done
        if advance is not None:
            advance(done)
    return owner, distance


def _order(points: Points, chosen: NDArray[np.int64], degrees: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the points in the order in which they are considered as representatives."""
    content = np.array([points.content[point] for point in chosen.tolist()], dtype=np.str_)
    return np.lexsort((content, -points.bytes[chosen], -points.pixels[chosen], -degrees))


def _take(
    block: NDArray[np.int64], neighbours: Neighbours, owner: NDArray[np.int64], distance: NDArray[np.float64]
) -> None:
    which, others, distances = neighbours.around(block)
    bounds = np.searchsorted(which, np.arange(len(block) + 1))
    for number, place in enumerate(block.tolist()):
        if owner[place] >= 0:  # assigned to an earlier point of this block
            continue
        owner[place], distance[place] = place, 0.0
        mine = slice(bounds[number], bounds[number + 1])
        nearer = distances[mine] < distance[others[mine]]
        taken = others[mine][nearer]
        owner[taken], distance[taken] = place, distances[mine][nearer]
