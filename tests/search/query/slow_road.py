"""The road from a query to its hits as a slow loop: what the fast one must return, bit for bit."""

from __future__ import annotations

import numpy as np

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
    narrow = filtered and len(allowed) <= segment.exact_rows
    if narrow or len(found) < min(k, len(allowed)):
        found = sorted(allowed)
    return sorted((apart(np.asarray(segment.vectors[row]), query), row) for row in found)[:k]


class SlowRoad:
    """Answers queries of an open index without collapsing."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.records = engine.pictures()
        self.metadata = engine.metadata([record.id for record in self.records])

    def hits(self, query, k, where=None, farthest=None):
        """The hits of one query `(dim,)`."""
        hits, ids = [], set(self.engine.ids(where))
        for segment in self.engine.segments:
            by_row = {each.row: each for each in self.records if each.segment == segment.id and each.id in ids}
            for distance, row in searched(segment, query, k, set(by_row), filtered=where is not None):
                if farthest is None or distance <= farthest:
                    hits.append(self._hit(by_row[row], distance))
        return sorted(hits, key=lambda hit: (hit.distance, hit.id))[:k]

    def _hit(self, record, distance):
        chance = word = None
        if self.engine.calibration is not None:
            chance = float(self.engine.calibration.probability(np.float32(distance)))
        elif self.engine.cut_points is not None:
            (word,) = self.engine.cut_points.strengths([distance])
        metadata = self.metadata.get(record.id, {})
        return Hit(record.id, record.path, record.label, distance, chance, metadata, None, word)
