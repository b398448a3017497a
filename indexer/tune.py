"""Choose and tune the structure of a segment for a recall, measured on the very vectors that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.indexes import choose_kind, index_class, resolve_device
from search.segments import Segment, exact_search

if TYPE_CHECKING:
    from search.config import Device
    from search.indexes.base import VectorIndex
    from search.types import Floats

_PROBES = 200
"""Rows asked for while tuning: the standard error of a recall of 0.95 at k = 10 is then about 0.005."""
_K = 10


def build_structure(vectors: Floats, *, kind: str, recall: float, device: Device) -> tuple[VectorIndex, float | None]:
    """Build the structure of `(N, D) float32` rows and spend as little as reaches the recall.

    Returns:
        The structure, its effort set; and the recall@10 measured with it, None for an exact kind. Under `auto` an
        approximate structure that misses the recall is given up for the exact one; a kind asked for by name is kept.
    """
    place = resolve_device(device, kind)
    chosen = choose_kind(len(vectors), vectors.shape[1], place) if kind == "auto" else kind
    structure = index_class(chosen)(device=place).build(vectors)
    if structure.exact:
        return structure, None
    measured = tune(structure, vectors, recall)
    if kind == "auto" and measured < recall:
        return build_structure(vectors, kind="flat", recall=recall, device=device)
    return structure, measured


def tune(structure: VectorIndex, vectors: Floats, recall: float) -> float:
    """Set the least effort of the structure's ladder that reaches the recall; return the recall@10 then measured.

    Probes are rows of the collection itself, each without itself among its neighbours. The recall is that of the
    segment, re-ranking included: it is what a query gets.
    """
    probes = np.random.default_rng(0).permutation(len(vectors))[:_PROBES]
    if len(probes) < 2:
        return 1.0
    truth = _others(exact_search(vectors, vectors[probes], _K + 1, None)[1], probes)
    segment = Segment(0, vectors, structure)
    measured = 0.0
    for effort in structure.effort_ladder(len(vectors)) or (structure.effort,):
        if effort is not None:
            structure.effort = effort
        measured = overlap(_others(segment.search(vectors[probes], _K + 1)[1], probes), truth)
        if measured >= recall:
            break
    return measured


def overlap(found: list[set[int]], truth: list[set[int]]) -> float:
    """Share of the true neighbours that were found, over all probes: recall@k."""
    return sum(len(f & t) for f, t in zip(found, truth, strict=True)) / max(1, sum(len(t) for t in truth))


def _others(rows: np.ndarray, probes: np.ndarray) -> list[set[int]]:
    """The k nearest of each probe but itself; a duplicate may stand before the probe, so it is taken out by name."""
    kept = []
    for probe, found in zip(probes.tolist(), rows.tolist(), strict=True):
        kept.append({row for row in [row for row in found if row not in (probe, -1)][:_K]})
    return kept
