"""Build the structure of a segment: of a given kind, or of the one that `auto` chooses, tuned for a recall."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from indexer.tuning.choice import choose
from indexer.tuning.costs import memory_needed, query_times
from indexer.tuning.efforts import measure, tune
from indexer.tuning.filters import measure_exact_rows
from indexer.tuning.probes import choose_probes
from search.indexes import AUTO, index_class, resolve_device
from search.store.segments import Segment
from search.tuned import Tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.tuning.choice import Choice
    from indexer.tuning.probes import Views
    from search.config import BuildConfig
    from search.indexes.base import VectorIndex
    from search.store.records import SegmentRecord
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Built:
    """A structure, and what was measured of it."""

    structure: VectorIndex
    tuning: Tuning | None = None
    """None for an exact kind that nothing was compared with."""

    @property
    def recall(self) -> float | None:
        """Measured recall@10; None for an exact kind."""
        return None if self.tuning is None or self.tuning.recall is None else self.tuning.recall.value


def build_structure(
    vectors: Floats, config: BuildConfig, *, views: Views | None = None, earlier: Sequence[SegmentRecord] = ()
) -> Built:
    """Build the structure of `(N, D) float32` rows and set the least effort that reaches the recall.

    Args:
        vectors: the rows.
        config: kind, recall, device and memory limit.
        views: embeds changed versions of pictures as queries; None where only vectors are there.
        earlier: other segments of the index, whose choice `auto` repeats for segments of a similar size.

    Returns:
        The structure with its effort set. With `auto`, an approximate structure that misses the recall is replaced by
        the next choice, in the end by the exact one; a kind given by name is kept.
    """
    device = resolve_device(config.device, config.kind)
    if config.kind != AUTO:
        return _built(vectors, config.kind, dict(config.params or {}), config, device, views)
    choice = choose(vectors, config, device, earlier)
    for kind, parameters in choice.order:
        built = _built(vectors, kind, parameters, config, device, views)
        recall = None if built.tuning is None else built.tuning.recall
        if recall is None or recall.reaches(config.recall):
            break
    return _explained(built, choice, config)


def _built(
    vectors: Floats,
    kind: str,
    parameters: dict[str, int | None],
    config: BuildConfig,
    device: str,
    views: Views | None,
) -> Built:
    structure = index_class(kind)(device=device, **parameters)
    if structure.exact:
        return Built(structure.build(vectors))
    probes = choose_probes(vectors, views)
    start = time.perf_counter()
    structure.build(vectors, held_out=probes.held_out)
    seconds = time.perf_counter() - start
    if "effort" in parameters:
        recall = measure(Segment(0, vectors, structure), int(parameters["effort"] or 0), probes)
    else:
        recall = tune(structure, vectors, probes, config.recall)
    start = time.perf_counter()
    structure.complete()
    seconds += time.perf_counter() - start
    (speed,) = query_times([Segment(0, vectors, structure)], probes.queries)
    memory = memory_needed(kind, structure.parameters, *vectors.shape)
    exact_rows = measure_exact_rows(structure, vectors, probes.queries)
    return Built(structure, Tuning(config.recall, recall, speed, memory, round(seconds, 3), config.memory, exact_rows))


def _explained(built: Built, choice: Choice, config: BuildConfig) -> Built:
    """Add the reason and the table of candidates to a tuning."""
    if not choice.reason and not choice.trials:
        return built
    kind = built.structure.kind
    trials = tuple(
        replace(trial, note="chosen" if trial.kind == kind else trial.note or "slower") for trial in choice.trials
    )
    tuning = built.tuning or Tuning(config.recall, memory_limit=config.memory)
    return replace(built, tuning=replace(tuning, reason=choice.reason, trials=trials))
