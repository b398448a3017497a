"""Find all pairs of points within a distance, by comparing every pair block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.distance import cosine_error, pair_distances, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indexer.duplicates.points import Points
    from search.types import Floats

_BLOCK = 2048
"""Rows of a block; the products of two blocks need 16 MiB."""


class Neighbours:
    """Pairs of points whose distance is at most `threshold`.

    Most pairs are decided by a float32 matrix product, whose rounding error is bounded. Pairs within that bound of the
    threshold are measured by `search.distance`, as in the engine. The result does not depend on the order of the points
    or on the blocks. Memory is a few blocks, for any number of points.
    """

    def __init__(self, points: Points, chosen: NDArray[np.int64], threshold: float) -> None:
        """Compare the points `chosen (M,)` with one another; the methods number them from 0 to M - 1."""
        self._points, self._chosen, self._threshold = points, chosen, threshold
        self._limit = 1.0 - threshold**2 / 2.0
        """The cosine at the threshold, from d^2 = 2 - 2 cos."""

    def degrees(self, advance: Callable[[int], None] | None = None) -> NDArray[np.int64]:
        """Number of other points within the threshold of each point, `(M,)`; `advance` gets the number done."""
        counts = np.zeros(len(self._chosen), dtype=np.int64)
        for start in range(0, len(counts), _BLOCK):
            rows = self._vectors(start)
            for other in range(start, len(counts), _BLOCK):
                columns = rows if other == start else self._vectors(other)
                which, others = self._within(rows, columns, same=other == start)
                counts[start : start + len(rows)] += np.bincount(which, minlength=len(rows))
                if other > start:
                    counts[other : other + len(columns)] += np.bincount(others, minlength=len(columns))
            if advance is not None:
                advance(len(rows))
        return counts

    def around(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """The neighbours of some points, without the points themselves.

        Returns:
            Three arrays `(K,)`: the position in `places`, ascending; the number of the neighbour; the distance.
        """
        rows = self._points.vectors(self._chosen[places])
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = []
        for start in range(0, len(self._chosen), _BLOCK):
            columns = self._vectors(start)
            which, others = np.nonzero(rows @ columns.T >= self._limit - cosine_error(rows.shape[1]))
            distances = pair_distances(rows, columns, which, others)
            kept = within(distances, self._threshold) & (places[which] != others + start)
            parts.append((which[kept], others[kept] + start, distances[kept]))
        which, others, distances = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(which, kind="stable")
        return which[order], others[order], distances[order]

    def _vectors(self, start: int) -> Floats:
        return self._points.vectors(self._chosen[start : start + _BLOCK])

    def _within(self, rows: Floats, columns: Floats, *, same: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs within the threshold; only those that the product does not decide are measured."""
        scores = rows @ columns.T
        if same:
            np.fill_diagonal(scores, -np.inf)
        tolerance = cosine_error(rows.shape[1])
        flat = np.flatnonzero(scores.ravel() >= self._limit - tolerance)
        which, others = np.divmod(flat, scores.shape[1])
        near = scores.ravel()[flat] >= self._limit + tolerance
        unsure = np.flatnonzero(~near)
        near[unsure] = within(pair_distances(rows, columns, which[unsure], others[unsure]), self._threshold)
        return which[near], others[near]


def count_within(points: Points, probes: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """Exact number of points within the threshold of each probe, among all points, `(Q,)`."""
    neighbours = Neighbours(points, np.arange(len(points)), threshold)
    counts = np.zeros(len(probes), dtype=np.int64)
    for start in range(0, len(probes), _BLOCK):
        which, _, _ = neighbours.around(probes[start : start + _BLOCK])
        counts[start : start + _BLOCK] += np.bincount(which, minlength=len(probes[start : start + _BLOCK]))
    return counts
