"""Set the least effort of a structure that reaches a recall."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from indexer.metrics.wilson import mean_of_shares
from indexer.tuning.probes import K
from search.store.segments import Segment
from search.tuned import MeasuredRecall

if TYPE_CHECKING:
    from indexer.tuning.probes import Probes
    from search.indexes.base import VectorIndex
    from search.types import Floats

LEAST_EFFORT = {"hnsw": 32, "hnswlib": 32, "hnsw8": 32, "pq4": 8}
"""Graphs keep at least so many candidates: fewer save hardly any time, because a search fetches 26 for ten hits. A scan
of 4-bit codes takes about as long whatever it fetches."""
_HALVINGS = 3
"""Efforts tried between the last that missed the recall and the first that reached it."""


def tune(structure: VectorIndex, vectors: Floats, probes: Probes, target: float) -> MeasuredRecall:
    """Set the least effort at which the lower end of the recall's interval reaches the target; return that recall.

    The recall is that of the segment including re-ranking, as a query gets it. All efforts are measured with the same
    probes. An effort at which no probe misses a neighbour is enough for any target; for a target of 1 no smaller one is
    looked for, because the probes cannot say what other queries need.
    """
    ladder = structure.effort_ladder(len(vectors))
    least = LEAST_EFFORT.get(structure.kind, 1)
    ladder = tuple(effort for effort in ladder if effort >= least) or ladder[-1:]
    segment = Segment(0, vectors, structure)
    if len(probes.queries) == 0:
        return measure(segment, ladder[-1], probes)
    missed = 0
    for effort in ladder:
        reached = measure(segment, effort, probes)
        if reached.reaches(target):
            spare = missed > 0 and target < 1
            return _between(segment, (missed, effort), reached, probes, target) if spare else reached
        missed = effort
    return reached


def measure(segment: Segment, effort: int, probes: Probes) -> MeasuredRecall:
    """Set an effort and measure its recall; without queries, only the largest effort is known to find everything."""
    segment.structure.effort = effort
    if len(probes.queries) == 0:
        return MeasuredRecall(1.0 if segment.structure.exhaustive else 0.0, 0.0, 1.0, 0, probes.by)
    figure = mean_of_shares(probes.shares_found(segment.search(probes.queries, K)[0]), probes.neighbours)
    low, high = figure.interval or (0.0, 1.0)
    return MeasuredRecall(figure.value, low, high, len(probes.queries), probes.by)


def _between(
    segment: Segment, efforts: tuple[int, int], reached: MeasuredRecall, probes: Probes, target: float
) -> MeasuredRecall:
    """Set a smaller effort that reaches the target, between one that missed it and one that reached it."""
    missed, enough = efforts
    for _ in range(_HALVINGS):
        effort = isqrt(missed * enough)
        if effort == missed:
            break
        tried = measure(segment, effort, probes)
        if tried.reaches(target):
            reached, enough = tried, effort
        else:
            missed = effort
    segment.structure.effort = enough
    return reached
