"""Pairs of points in memory, up to a number, and the neighbours of a point among them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats

    Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], Floats]
    """Three arrays `(K,)`: two points, and their distance."""

_MOST = 8_000_000
"""Pairs kept at most: with both directions and their order they need some 400 MiB."""

_ROOM = 2**16


class PairList:
    """Pairs of `count` points, each in one direction; `complete` is False once they were too many to keep."""

    def __init__(self, count: int) -> None:
        """Start without pairs."""
        self._count = count
        self._total = 0
        self._make_room(_ROOM)
        self.complete = True

    def add(self, pairs: Pairs) -> None:
        """Add pairs; if they become too many, all are forgotten."""
        if not self.complete:
            return
        one, other, distances = pairs
        part = slice(self._total, self._total + len(one))
        if part.stop > _MOST:
            self.complete, self._total = False, 0
            self._make_room(0)
            return
        if part.stop > len(self._distances):
            self._make_room(max(part.stop, 2 * len(self._distances)))
        self._one[part], self._other[part], self._distances[part] = one, other, distances
        self._total = part.stop

    def _make_room(self, room: int) -> None:
        """Copy the pairs into longer arrays.

        A list of the small arrays that are added would take less code. Between the large ones that a product needs and
        frees, they left holes in the heap: a megabyte for each of thousands of blocks.
        """
        one, other = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
        distances = np.empty(room, dtype=np.float32)
        if self._total:
            one[: self._total], other[: self._total], distances[: self._total] = self._pairs()
        self._one, self._other, self._distances = one, other, distances

    def _pairs(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        return self._one[: self._total], self._other[: self._total], self._distances[: self._total]

    def renumbered(self, kept: NDArray[np.bool_]) -> PairList:
        """The pairs in the numbers that the points have among the kept ones, which must include all points of pairs."""
        number = np.cumsum(kept) - 1
        renumbered = PairList(int(np.count_nonzero(kept)))
        one, other, distances = self._pairs()
        renumbered.add((number[one], number[other], distances))
        return renumbered

    def of(self, places: NDArray[np.int64]) -> Pairs:
        """The neighbours of some points: the position in `places`, ascending; the neighbour; the distance."""
        starts, neighbours, distances = self._sorted
        lengths = starts[places + 1] - starts[places]
        which = np.repeat(np.arange(len(places)), lengths)
        ends = np.cumsum(lengths)
        at = np.arange(len(which)) - np.repeat(ends - lengths, lengths) + np.repeat(starts[places], lengths)
        return which, neighbours[at].astype(np.int64), distances[at]

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
        """Where the neighbours of each point start, `(count + 1,)`, and all neighbours with their distances."""
        one, other, distances = self._pairs()
        points = np.concatenate([one, other])
        order = np.argsort(points, kind="stable")
        starts = np.zeros(self._count + 1, dtype=np.int64)
        np.cumsum(np.bincount(points, minlength=self._count), out=starts[1:])
        return starts, np.concatenate([other, one])[order], np.concatenate([distances, distances])[order]
