"""Turn rows of a segment into hits, and add the metadata of their pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search.types import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.columns import MetadataValue
    from search.recognition.confidence import Confidence
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord
    from search.types import Floats, Rows


def hits_of(pictures: dict[int, PictureRecord], distances: Floats, rows: Rows, confidence: Confidence) -> list[Hit]:
    """Join the result of one segment for one query, distances and rows `(k,)`, with the pictures of the rows."""
    results = zip(rows.tolist(), distances.tolist(), *confidence.of(distances), strict=True)
    records = ((pictures.get(row), *rated) for row, *rated in results)
    return [
        Hit(r.id, r.path, r.label, distance, chance, strength=strength)
        for r, distance, chance, strength in records
        if r is not None
    ]


def nearest(hits: list[Hit], k: int) -> list[Hit]:
    """The k nearest hits, ties by ascending id."""
    return sorted(hits, key=lambda hit: (hit.distance, hit.id))[:k]


WEAK = "nothing here looks much like it: even the nearest is weak"


def only_weak(hits: Sequence[Hit], but: int | None = None) -> bool:
    """Whether there are hits and all of them, and their copies, are weak; `but` is the id of the query picture, which
    does not count.
    """
    others = [each for hit in hits for each in (hit, *(hit.copies or ())) if each.id != but]
    return bool(others) and all(each.strength == "weak" for each in others)


def with_metadata(catalog: Catalog, answers: list[list[Hit]]) -> list[list[Hit]]:
    """Add the metadata of their pictures to the hits of several queries, and to their copies."""
    every = (each for hits in answers for hit in hits for each in (hit, *(hit.copies or ())))
    known = catalog.metadata.of(sorted({each.id for each in every}))
    return [[_described(hit, known) for hit in hits] for hits in answers]


def _described(hit: Hit, known: dict[int, dict[str, MetadataValue]]) -> Hit:
    if hit.copies:
        hit = replace(hit, copies=tuple(_described(copy, known) for copy in hit.copies))
    return replace(hit, metadata=dict(known[hit.id])) if known.get(hit.id) else hit
