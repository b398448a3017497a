"""Choose and tune the structure of a segment for a recall, measured on rows that it did not hold then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.indexes import choose_kind, index_class, resolve_device
from search.store.segments import Segment, exact_search

if TYPE_CHECKING:
    from search.config import Device
    from search.indexes.base import VectorIndex
    from search.types import Floats, Rows

_PROBES = 1000
"""Rows asked for while tuning: the standard error of a recall of 0.95 at k = 10 is then about 0.003."""
_PROBES_SHARE = 0.1
"""At most this share of a small segment."""
_FEW = 64
"""Rows of a segment that is searched with full effort, which finds them all, and not measured."""
_K = 10


def build_structure(vectors: Floats, *, kind: str, recall: float, device: Device) -> tuple[VectorIndex, float | None]:
    """Build the structure of `(N, D) float32` rows and spend as little as reaches the recall.

    Returns:
        The structure, its effort set; and the recall@10 measured with it, None for an exact kind. Under `auto` an
        approximate structure that misses the recall is given up for the exact one; a kind asked for by name is kept.
    """
    place = resolve_device(device, kind)
    chosen = choose_kind(len(vectors), vectors.shape[1], place) if kind == "auto" else kind
    structure = index_class(chosen)(device=place)
    if structure.exact:
        return structure.build(vectors), None
    probes = _choose_probes(len(vectors))
    structure.build(vectors, held_out=probes)
    measured = tune(structure, vectors, probes, recall)
    structure.complete()
    if kind == "auto" and measured < recall:
        return build_structure(vectors, kind="flat", recall=recall, device=device)
    return structure, measured


def tune(structure: VectorIndex, vectors: Floats, probes: Rows, recall: float) -> float:
    """Set the least effort of the structure's ladder that reaches the recall; return the recall@10 then measured.

    Probes are rows that the structure was built without, and their neighbours are sought among the other rows, so that
    they stand for new pictures. A graph that knows them already finds their neighbours, which it linked to them, with
    far less effort than new ones need. The recall is that of the segment, re-ranking included: it is what a query gets.
    """
    ladder = structure.effort_ladder(len(vectors))
    if len(probes) == 0:
        structure.effort = ladder[-1]
        return 1.0
    others = np.ones(len(vectors), dtype=np.bool_)
    others[probes] = False
    truth = _sets(exact_search(vectors, vectors[probes], _K, others)[1])
    segment = Segment(0, vectors, structure)
    measured = 0.0
    for effort in ladder:
        structure.effort = effort
        measured = overlap(_sets(segment.search(vectors[probes], _K)[1]), truth)
        if measured >= recall:
            break
    return measured


def _choose_probes(size: int) -> Rows:
    count = 0 if size < _FEW else min(_PROBES, int(_PROBES_SHARE * size))
    return np.random.default_rng(0).permutation(size)[:count]


def overlap(found: list[set[int]], truth: list[set[int]]) -> float:
    """Share of the true neighbours that were found, over all probes: recall@k."""
    return sum(len(f & t) for f, t in zip(found, truth, strict=True)) / max(1, sum(len(t) for t in truth))


def _sets(rows: Rows) -> list[set[int]]:
    return [{row for row in found if row >= 0} for found in rows.tolist()]
