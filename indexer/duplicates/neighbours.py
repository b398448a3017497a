"""Which points lie within a distance of one another: every pair compared, block by block."""

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
"""Rows of a block: its products with another fill 16 MiB."""


class Neighbours:
    """Pairs of some points that lie at most `threshold` apart.

    Most pairs are decided by a float32 matrix product, whose rounding error has a bound; those within the bound of
    the threshold are measured by `search.distance`, as the engine measures. What is found does not depend on the order
    of the points or on the blocks. Memory: a few blocks, whatever the number of points.
    """

    def __init__(self, points: Points, chosen: NDArray[np.int64], threshold: float) -> None:
        """Compare the points `chosen` (M,) with one another; they are called by their places 0 to M - 1 here."""
        self._points, self._chosen, self._threshold = points, chosen, threshold
        self._limit = 1.0 - threshold**2 / 2.0
        """The cosine at the threshold, from d^2 = 2 - 2 cos."""

    def degrees(self, advance: Callable[[int], None] | None = None) -> NDArray[np.int64]:
        """For each point the number of others within the threshold, `(M,)`; `advance` is told of points done."""
        counts = np.zeros(len(self._chosen), dtype=np.int64)
        for start in range(0, len(counts), _BLOCK):
            rows = self._vectors(start)
            for other in range(start, len(counts), _BLOCK):
                columns = rows if other == start else self._vectors(other)
                which, found = self._near(rows, columns, same=other == start)
                counts[start : start + len(rows)] += np.bincount(which, minlength=len(rows))
                if other > start:
                    counts[other : other + len(columns)] += np.bincount(found, minlength=len(columns))
            if advance is not None:
                advance(len(rows))
        return counts

    def around(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """The neighbours of some points, without themselves.

        Returns:
            which `(K,)` of `places` has the neighbour, ascending; the neighbour's place; their distance.
        """
        rows = self._points.vectors(self._chosen[places])
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = []
        for other in range(0, len(self._chosen), _BLOCK):
            columns = self._vectors(other)
            which, found = np.nonzero(rows @ columns.T >= self._limit - cosine_error(rows.shape[1]))
            apart = pair_distances(rows, columns, which, found)
            kept = within(apart, self._threshold) & (places[which] != found + other)
            parts.append((which[kept], found[kept] + other, apart[kept]))
        which, found, apart = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(which, kind="stable")
        return which[order], found[order], apart[order]

    def _vectors(self, start: int) -> Floats:
        return self._points.vectors(self._chosen[start : start + _BLOCK])

    def _near(self, rows: Floats, columns: Floats, *, same: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs within the threshold; only those that the product leaves open are measured."""
        scores = rows @ columns.T
        if same:
            np.fill_diagonal(scores, -np.inf)
        tolerance = cosine_error(rows.shape[1])
        flat = np.flatnonzero(scores.ravel() >= self._limit - tolerance)
        which, found = np.divmod(flat, scores.shape[1])
        near = scores.ravel()[flat] >= self._limit + tolerance
        unsure = np.flatnonzero(~near)
        near[unsure] = within(pair_distances(rows, columns, which[unsure], found[unsure]), self._threshold)
        return which[near], found[near]


def count_within(points: Points, probes: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """For some points the number of *all* others within the threshold, `(Q,)`: exact."""
    everything = Neighbours(points, np.arange(len(points)), threshold)
    counts = np.zeros(len(probes), dtype=np.int64)
    for start in range(0, len(probes), _BLOCK):
        which, _, _ = everything.around(probes[start : start + _BLOCK])
        counts[start : start + _BLOCK] += np.bincount(which, minlength=len(probes[start : start + _BLOCK]))
    return counts
