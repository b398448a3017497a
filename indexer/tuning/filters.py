"""Measure up to how many rows of a filter comparing them all is better than asking the structure.

Random filters of growing size are answered both ways. Comparing takes time in proportion to the rows, and the structure
about the same time for every wide filter and more for narrow ones, so that there is one crossover. It differs by a
factor of ten between kinds, and between machines with fast and slow memory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.tuning.probes import K
from search.store.segments import Segment

if TYPE_CHECKING:
    from search.indexes.allowed import Allowed
    from search.indexes.base import VectorIndex
    from search.types import Floats

_SHARES = tuple(2.0**-power for power in range(10, 0, -1))
"""Shares of the rows that filters pass, narrow first."""
_QUERIES = 15
_SECONDS = 0.3
"""Longest time of one measurement, which is then of fewer queries."""
_LOST = 0.05
"""The recall of the structure with a filter may be so much less than without."""
_ROUNDING = np.float32(1e-6)


def measure_exact_rows(structure: VectorIndex, vectors: Floats, queries: Floats) -> int | None:
    """Rows of a filter up to which exact search is faster than a complete structure, or finds more.

    Args:
        structure: over `vectors`, with its effort set.
        vectors: `(N, D) float32`.
        queries: `(Q, D)` unit rows; a few of them are used.

    Returns:
        None for an exact kind, without queries, and where exact search is about as fast for every filter: then
        `VectorIndex.exact_rows` estimates it.
    """
    if structure.exact or len(queries) == 0 or len(vectors) <= structure.exact_rows:
        return None
    random, asked = np.random.default_rng(2), queries[:_QUERIES]
    segment = Segment(0, vectors, structure, exact_rows=0)
    plain = _Answers(segment, asked, None, exactly=False)
    recall = plain.share_of(_Answers(segment, asked, None, exactly=True))
    enough = 0
    for share in _SHARES:
        allowed = segment.allowed(random.random(len(vectors)) < share)
        if allowed.count <= max(K, enough):
            continue
        exact = _Answers(segment, asked, allowed, exactly=True)
        if exact.seconds > plain.seconds:  # with a filter, the structure is no faster than without
            found = _Answers(segment, asked, allowed, exactly=False)
            if exact.seconds > found.seconds and found.share_of(exact) >= recall - _LOST:
                return max(enough, int(allowed.count * found.seconds / exact.seconds))
        enough = allowed.count
    return enough


class _Answers:
    """Distances of the answers to some queries, and the median seconds of one."""

    def __init__(self, segment: Segment, queries: Floats, allowed: Allowed | None, *, exactly: bool) -> None:
        search: Any = segment.search_exactly if exactly else segment.search
        search(queries[:1], K, allowed)  # derives what later searches with the filter share
        self.distances: list[Floats] = []
        times, begun = [], time.perf_counter()
        for place in range(len(queries)):
            start = time.perf_counter()
            self.distances.append(search(queries[place : place + 1], K, allowed)[0][0])
            times.append(time.perf_counter() - start)
            if start - begun > _SECONDS:
                break
        self.seconds = float(np.median(times))

    def share_of(self, exact: _Answers) -> float:
        """Share of exact answers that are found."""
        pairs = zip(self.distances, exact.distances, strict=False)
        return float(np.mean([np.mean(found <= true[-1] + _ROUNDING) for found, true in pairs]))
