"""What `auto` chooses: try candidates on a sample of the rows, and compare their estimated costs for all rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.tuning.costs import memory_needed, query_times
from indexer.tuning.efforts import tune
from indexer.tuning.probes import choose_probes
from search.indexes import KINDS, index_class
from search.store.segments import Segment
from search.text import megabytes
from search.tuned import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.tuning.probes import Probes
    from search.config import BuildConfig
    from search.indexes.base import VectorIndex
    from search.store.records import SegmentRecord
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind to try, and how its time per query grows with the number of rows."""

    kind: str
    growth: float
    """The time of a query, without what any query takes, is proportional to this power of the number of rows.

    At the same recall: more rows take more effort, and fewer of them fit the caches of the processor.
    """
    build_growth: float
    """The same for building; little for codes, most of whose time goes into a codebook from a fixed number of rows."""
    parameters: dict[str, int | None] = field(default_factory=dict)


CANDIDATES = {
    "cpu": (
        Candidate("flat", 1.0, 1.0),
        Candidate("pq4", 1.0, 0.5),
        Candidate("ivfpq4", 0.6, 0.85),
        Candidate("hnsw8", 0.65, 1.1),
        Candidate("ivf", 0.75, 1.5),
    ),
    "cuda": (Candidate("flat", 1.0, 1.0), Candidate("ivf", 0.75, 1.5), Candidate("cagra", 0.65, 1.0)),
}
"""By device, in the order in which they are tried. Kinds that this build of FAISS lacks on a device are left out."""
FLAT_ROWS = {"cpu": 20_000, "cuda": 200_000}
"""Up to so many rows, every segment is exact."""
SAMPLE = 20_000
"""Rows that candidates are tried on."""
_SECONDS = 60.0
"""No candidate is begun after this time."""
_ABOUT_EQUAL = 1.1
"""Of candidates whose time is within this factor of the fastest, the one that builds soonest is chosen."""
_FEW = 64
"""Rows over which a query takes hardly more than what every query takes, most of all on a GPU."""
_SIMILAR = 4
"""A choice is repeated for segments with up to so many times more or fewer rows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Kinds with their parameters, best first, and why."""

    order: list[tuple[str, dict[str, int | None]]]
    reason: str
    trials: tuple[Trial, ...] = ()


def choose(vectors: Floats, config: BuildConfig, device: str, earlier: Sequence[SegmentRecord] = ()) -> Choice:
    """Choose for `(N, D) float32`: exact for few rows, as before for similar ones, else by trying the candidates."""
    rows = len(vectors)
    if rows <= FLAT_ROWS[device]:
        return Choice([("flat", {})], f"up to {FLAT_ROWS[device]:,} rows are searched exactly")
    if (repeated := _repeated(rows, config, earlier)) is not None:
        return repeated
    return _by_trial(vectors, config, device)


def _repeated(rows: int, config: BuildConfig, earlier: Sequence[SegmentRecord]) -> Choice | None:
    """The choice for a segment of similar size, target and limit."""
    for record in reversed(earlier):
        tuning = record.tuning
        chosen = [trial for trial in tuning.trials if trial.kind == record.kind] if tuning is not None else []
        if tuning is None or not chosen or not rows <= _SIMILAR * record.rows <= _SIMILAR**2 * rows:
            continue
        if tuning.target == config.recall and config.memory in (None, tuning.memory_limit):
            reason = f"as segment {record.id}, which has {record.rows:,} rows"
            return Choice([(record.kind, chosen[0].parameters), ("flat", {})], reason, tuning.trials)
    return None


def _by_trial(vectors: Floats, config: BuildConfig, device: str) -> Choice:
    rows = np.sort(np.random.default_rng(1).permutation(len(vectors))[:SAMPLE])
    sample = vectors[rows]
    probes = choose_probes(sample)
    begun, trials, built = time.perf_counter(), list[Trial](), dict[str, Segment]()
    for candidate in _known(device):
        memory = memory_needed(candidate.kind, candidate.parameters, *vectors.shape)
        if config.memory is not None and memory > config.memory:
            note = f"needs {megabytes(memory)} of {megabytes(config.memory)}"
            trial = Trial(candidate.kind, candidate.parameters, note=note)
        elif time.perf_counter() - begun > _SECONDS:
            note = f"not tried: the trials took more than {_SECONDS:.0f} s"
            trial = Trial(candidate.kind, candidate.parameters, note=note)
        else:
            trial, structure = _tried(candidate, sample, probes, config, device)
            built[candidate.kind] = Segment(0, sample, structure)
        trials.append(replace(trial, memory=memory))
    few = sample[:_FEW]
    least = Segment(0, few, index_class("flat")(device=device).build(few))
    fixed, *speeds = query_times([least, *built.values()], probes.queries)
    timed = dict(zip(built, speeds, strict=True))
    trials = [replace(trial, query_ms=timed.get(trial.kind)) for trial in trials]
    times = len(vectors) / len(sample)
    return _decided([_estimated(trial, times, fixed or 0.0, device) for trial in trials], len(vectors), config)


def _known(device: str) -> list[Candidate]:
    return [each for each in CANDIDATES[device] if each.kind in KINDS and device in index_class(each.kind).devices]


def _tried(
    candidate: Candidate, sample: Floats, probes: Probes, config: BuildConfig, device: str
) -> tuple[Trial, VectorIndex]:
    """Build a candidate over the sample and tune it; the trial lacks the time of a query."""
    structure = index_class(candidate.kind)(device=device, **candidate.parameters)
    start = time.perf_counter()
    structure.build(sample, held_out=probes.held_out)
    seconds = time.perf_counter() - start
    recall = None if structure.exact else tune(structure, sample, probes, config.recall)
    missed = recall is not None and not recall.reaches(config.recall)
    note = f"misses the recall of {config.recall:g}" if missed else ""
    return Trial(candidate.kind, candidate.parameters, recall, build_seconds=seconds, note=note), structure


def _estimated(trial: Trial, times: float, fixed: float, device: str) -> Trial:
    """A trial with its costs for so many times more rows; `fixed` ms of a query do not grow."""
    (candidate,) = (each for each in CANDIDATES[device] if each.kind == trial.kind)
    speed, seconds = trial.query_ms, trial.build_seconds
    if speed is not None:
        constant = min(fixed, speed)
        speed = round(constant + (speed - constant) * times**candidate.growth, 4)
    if seconds is not None:
        seconds = round(seconds * times**candidate.build_growth, 3)
    return replace(trial, query_ms=speed, build_seconds=seconds)


def _decided(trials: list[Trial], rows: int, config: BuildConfig) -> Choice:
    """Order the candidates that reach the recall within the limit; exact search comes last, as the fallback."""
    limit = config.memory
    fit = sorted((trial for trial in trials if not trial.note), key=lambda trial: trial.query_ms or 0.0)
    if fit:
        quick = [each for each in fit if _cost(each.query_ms) <= _ABOUT_EQUAL * _cost(fit[0].query_ms)]
        first = min(quick, key=lambda trial: _cost(trial.build_seconds))
        order = [first, *(each for each in fit if each is not first)]
        within = "" if limit is None else f" within {megabytes(limit)}"
        reason = f"the fastest for {rows:,} rows{within}; of those about as fast, the one that builds soonest"
    elif limit is None:
        order, reason = [], "no candidate reaches the recall, so that every row is compared"
    else:
        order = sorted(trials, key=lambda trial: _cost(trial.memory))[:1]
        reason = "none reaches the recall within the memory limit; this one needs the least memory"
    named: list[tuple[str, dict[str, Any]]] = [(each.kind, each.parameters) for each in order]
    return Choice([*named, ("flat", {})], reason, tuple(trials))


def _cost(value: float | None) -> float:
    return 0.0 if value is None else value
