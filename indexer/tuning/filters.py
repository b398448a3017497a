"""Measure up to how many rows of a filter comparing them all is better than asking the structure.

Random filters of growing size are answered both ways. Comparing takes time in proportion to the rows, and the structure
about the same time for every wide filter and more for narrow ones, so that there is one crossover. It differs by a
factor of ten between kinds, and between machines with fast and slow memory.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from indexer.tuning.probes import K
from search.store.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.indexes.base import VectorIndex
    from search.types import Floats, Rows

_SHARES = tuple(2.0**-power for power in range(10, 0, -1))
"""Shares of the rows that filters pass, narrow first."""
_QUERIES = 15
_SECONDS = 0.2
"""Longest time of one measurement, which is then of fewer queries."""
_LOST = 0.05
"""The recall of the structure with a filter may be so much less than without."""


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
    plain, truth = _alternate(asked, partial(segment.search, k=K), partial(segment.search_exactly, k=K))
    recall = plain.share_of(truth)
    enough = 0
    for share in _SHARES:
        allowed = segment.allowed(random.random(len(vectors)) < share)
        if allowed.count <= max(K, enough):
            continue
        compare = partial(segment.search_exactly, k=K, chosen=allowed)
        plain, exact = _alternate(asked, partial(segment.search, k=K), compare)
        if exact.seconds > plain.seconds:  # with a filter, the structure is no faster than without
            found, exact = _alternate(asked, partial(segment.search, k=K, chosen=allowed), compare)
            if exact.seconds > found.seconds and found.share_of(exact) >= recall - _LOST:
                return max(enough, int(allowed.count * found.seconds / exact.seconds))
        enough = allowed.count
    return enough


class _Answers:
    """Distances of the answers to some queries, and the seconds of each."""

    def __init__(self) -> None:
        self.distances: list[Floats] = []
        self.times: list[float] = []

    @property
    def seconds(self) -> float:
        """Median seconds of one."""
        return float(np.median(self.times))

    def share_of(self, exact: _Answers) -> float:
        """Share of exact answers that are found."""
        pairs = zip(self.distances, exact.distances, strict=True)
        return float(np.mean([np.mean(found <= true[-1]) for found, true in pairs]))


def _alternate(queries: Floats, *searches: Callable[[Floats], tuple[Floats, Rows]]) -> list[_Answers]:
    """Ask in turn, so that no search finds everything in the processor's cache, as it would if it ran alone."""
    answers = [_Answers() for _ in searches]
    for search in searches:
        search(queries[:1])  # derives what later searches with the filter share
    begun = time.perf_counter()
    for place in range(len(queries)):
        for search, own in zip(searches, answers, strict=True):
            start = time.perf_counter()
            own.distances.append(search(queries[place : place + 1])[0][0])
            own.times.append(time.perf_counter() - start)
        if time.perf_counter() - begun > _SECONDS:
            break
    return answers
