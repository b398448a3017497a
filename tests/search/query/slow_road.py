"""The road from a query to its hits as a slow loop: what the fast one must return, bit for bit."""

from __future__ import annotations

import numpy as np

from search.indexes import choose_kind
from search.types import Hit


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Euclidean distance, summed in float64 and rounded once."""
    difference = one.astype(np.float64) - other.astype(np.float64)
    return float(np.float32(min(2.0, np.sqrt(np.sum(difference * difference)))))


def searched(segment, query, k, allowed, *, filtered):
    """Rows of one segment with their distances: the candidates of its structure, measured and sorted by row."""
    fetch = min(len(allowed), k if segment.structure.exact else k * segment.structure.overfetch + 16)
    if not fetch:
        return []
    mask = np.zeros(len(segment.vectors), dtype=np.bool_)
    mask[sorted(allowed)] = True
    rows = segment.structure.search(query[None], fetch, None if mask.all() else mask)[1][0].tolist()
    found = [row for row in rows if row >= 0]
    narrow = filtered and choose_kind(len(allowed), len(query)) == "flat"
    if narrow or len(found) < min(k, len(allowed)):
        found = sorted(allowed)
    return sorted((apart(np.asarray(segment.vectors[row]), query), row) for row in found)[:k]


def slow_hits(engine, query, k, where=None, farthest=None):
    """The hits of one query `(dim,)` without collapsing."""
    hits, ids = [], set(engine.ids(where))
    records = [record for record in engine.pictures() if record.id in ids]
    for segment in engine.segments:
        by_row = {record.row: record for record in records if record.segment == segment.id}
        for distance, row in searched(segment, query, k, set(by_row), filtered=where is not None):
            if farthest is None or distance <= farthest:
                hits.append(slow_hit(engine, by_row[row], distance))
    return sorted(hits, key=lambda hit: (hit.distance, hit.id))[:k]


def slow_hit(engine, record, distance):
    """A hit of one picture."""
    chance = word = None
    if engine.calibration is not None:
        chance = float(engine.calibration.probability(np.float32(distance)))
    elif engine.cut_points is not None:
        (word,) = engine.cut_points.strengths([distance])
    known = engine.metadata([record.id]).get(record.id, {})
    return Hit(record.id, record.path, record.label, distance, chance, known, None, word)
