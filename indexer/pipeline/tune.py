"""Choose and tune the structure of a segment to reach a recall, measured on held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.indexes import choose_kind, index_class, resolve_device
from search.store.segments import Segment, exact_search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.config import Device
    from search.indexes.base import VectorIndex
    from search.types import Floats, Rows

_PROBES = 1000
"""Held-out rows used as queries: the standard error of a recall of 0.95 at k = 10 is then about 0.003."""
_PROBES_SHARE = 0.1
"""Largest share of a small segment that is held out."""
_FEW = 64
"""Segments with fewer rows are not measured: they are searched with full effort, which finds all neighbours."""
_K = 10


def build_structure(
    vectors: Floats, *, kind: str, recall: float, device: Device, params: Mapping[str, int] | None = None
) -> tuple[VectorIndex, float | None]:
    """Build the structure of `(N, D) float32` rows and set the least effort that reaches the recall.

    `params` are parameters for a kind by name.

    Returns:
        The structure with its effort set, and its measured recall@10 (None for an exact kind). With `auto`, an
        approximate structure that misses the recall is replaced by the exact one; a kind given by name is kept.
    """
    place = resolve_device(device, kind)
    chosen = choose_kind(len(vectors), vectors.shape[1], place) if kind == "auto" else kind
    structure = index_class(chosen)(device=place, **(params or {}))
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
    """Set the least effort of the structure's ladder that reaches the recall; return the measured recall@10.

    Probes are held-out rows, whose neighbours are searched among the other rows, so that they behave like new pictures.
    A graph that contains a row finds its neighbours, which are linked to it, with far less effort than those of a new
    picture. The recall is that of the segment including re-ranking, as a query gets it.
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


def overlap(results: list[set[int]], truth: list[set[int]]) -> float:
    """Recall@k: the share of the true neighbours of all probes that were found."""
    return sum(len(f & t) for f, t in zip(results, truth, strict=True)) / max(1, sum(len(t) for t in truth))


def _sets(rows: Rows) -> list[set[int]]:
    return [{row for row in neighbours if row >= 0} for neighbours in rows.tolist()]
