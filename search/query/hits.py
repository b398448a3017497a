"""Turn rows of a segment into hits, and add the metadata of their pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from search.types import Hit

if TYPE_CHECKING:
    from search.filters.columns import MetadataValue
    from search.recognition.calibration import Calibration
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord
    from search.types import Floats, Rows


def hits_of(
    pictures: dict[int, PictureRecord], distances: Floats, rows: Rows, calibration: Calibration | None
) -> list[Hit]:
    """Join the result of one segment for one query, distances and rows `(k,)`, with the pictures of the rows."""
    chances: list[Any] = [None] * len(rows)
    if calibration is not None:
        chances = calibration.probability(np.minimum(distances, 2)).tolist()  # distances are padded with inf
    results = zip(rows.tolist(), distances.tolist(), chances, strict=True)
    records = ((pictures.get(row), distance, chance) for row, distance, chance in results)
    return [Hit(r.id, r.path, r.label, distance, chance) for r, distance, chance in records if r is not None]


def nearest(hits: list[Hit], k: int) -> list[Hit]:
    """The k nearest hits, ties by ascending id."""
    return sorted(hits, key=lambda hit: (hit.distance, hit.id))[:k]


def with_metadata(catalog: Catalog, answers: list[list[Hit]]) -> list[list[Hit]]:
    """Add the metadata of their pictures to the hits of several queries, and to their copies."""
    every = (each for hits in answers for hit in hits for each in (hit, *(hit.copies or ())))
    known = catalog.metadata.of(sorted({each.id for each in every}))
    return [[_described(hit, known) for hit in hits] for hits in answers]


def _described(hit: Hit, known: dict[int, dict[str, MetadataValue]]) -> Hit:
    if hit.copies:
        hit = replace(hit, copies=tuple(_described(copy, known) for copy in hit.copies))
    return replace(hit, metadata=dict(known[hit.id])) if known.get(hit.id) else hit
