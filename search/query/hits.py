"""Merge the rows that were found in the segments of an index, and make hits of the nearest."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from search.large_imports import collection_paused
from search.types import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.recognition.confidence import Confidence
    from search.store.contract import Found, Shown
    from search.store.records import ShownRecord
    from search.types import Floats, Mask, Rows, Strength


_MANY = 1_000
"""Hits from which the garbage collector, which visits all that are made and finds none to free, is paused."""


def nearest_hits(found: Sequence[Found], k: int, pictures: Shown, confidence: Confidence) -> list[list[Hit]]:
    """The k nearest hits of each query, ties by ascending id; rows without a picture are left out.

    Args:
        found: the results of the segments, at least one, each ascending by distance, with at most k rows a query.
        k: hits per query.
        pictures: what hits show.
        confidence: rates the hits.
    """
    if len(found) == 1:
        segment, distances, rows = found[0]
        places = rows.ravel().tolist()
        if places and min(places) >= 0:
            records = pictures.at(segment, places)
            if None not in records:
                return _rows_of_hits(distances, cast("Sequence[ShownRecord]", records), confidence)
        there = rows >= 0
        return _hits(distances, there, pictures.at(segment, rows[there].tolist()), k, confidence, sort=False)
    distances = np.concatenate([each.distances for each in found], axis=1)
    rows = np.concatenate([each.rows for each in found], axis=1)
    there = rows >= 0
    chosen = there
    if rows.shape[1] > k:
        chosen = there & (distances <= np.partition(distances, k - 1, axis=1)[:, k - 1 : k])
    records = _records(found, rows, chosen, pictures)
    if None in records and rows.shape[1] > k:  # in a damaged index: others may take their places
        chosen, records = there, _records(found, rows, there, pictures)
    return _hits(distances, chosen, records, k, confidence, sort=True)


def _records(found: Sequence[Found], rows: Rows, chosen: Mask, pictures: Shown) -> list[ShownRecord | None]:
    """The picture of each chosen row `(Q, W)`, by query, then by column."""
    segments = np.repeat(np.arange(len(found)), [each.rows.shape[1] for each in found])
    flat, of = rows[chosen], segments[np.nonzero(chosen)[1]]
    records: list[ShownRecord | None] = [None] * len(flat)
    for number, each in enumerate(found):
        inside = np.flatnonzero(of == number)
        if len(inside):
            shown = pictures.at(each.segment, flat[inside].tolist())
            for place, record in zip(inside.tolist(), shown, strict=True):
                records[place] = record
    return records


def _hits(
    distances: Floats,
    chosen: Mask,
    records: Sequence[ShownRecord | None],
    k: int,
    confidence: Confidence,
    *,
    sort: bool,
) -> list[list[Hit]]:
    """Make hits of the chosen rows, whose records are given, and cut them into a list for each query."""
    apart = distances[chosen]
    rated = zip(records, apart.tolist(), *confidence.of(apart), strict=True)
    hits = [None if record is None else _hit(record, *rating) for record, *rating in rated]
    ends = np.cumsum(np.add.reduce(chosen, axis=1)).tolist()
    parts = (hits[start:end] for start, end in zip([0, *ends], ends, strict=False))
    answers = [[hit for hit in part if hit is not None] for part in parts]
    if sort or (apart[:-1] == apart[1:]).any():  # one segment has sorted its rows, but ties by row
        for answer in answers:
            answer.sort(key=_order)
    return [answer[:k] for answer in answers]


def _rows_of_hits(distances: Floats, records: Sequence[ShownRecord], confidence: Confidence) -> list[list[Hit]]:
    """As `_hits`, from one segment that has a picture for every row; `distances` is `(Q, K)`."""
    flat, width = distances.ravel(), distances.shape[1]
    apart = flat.tolist()
    with collection_paused() if len(apart) > _MANY else nullcontext():
        hits = list(map(_hit, records, apart, *confidence.of(flat)))
    answers = [hits] if len(distances) == 1 else [hits[n : n + width] for n in range(0, len(hits), width)]
    if len(set(apart)) < len(apart):
        for answer in answers:
            answer.sort(key=_order)
    return answers


class _Draft:
    """A hit that is not frozen yet. A frozen one sets each field by a call, which takes three times as long."""

    __slots__ = Hit.__slots__


def _hit(record: ShownRecord, distance: float, chance: float | None, strength: Strength | None) -> Hit:
    draft: Any = _Draft()
    draft.id, draft.path, draft.label, metadata = record
    draft.distance, draft.probability, draft.strength = distance, chance, strength
    draft.metadata = metadata.copy()  # it belongs to the caller
    draft.copies = None
    draft.__class__ = Hit  # which has the same slots
    hit: Hit = draft
    return hit


def _order(hit: Hit) -> tuple[float, int]:
    return hit.distance, hit.id


WEAK = "nothing here looks much like it: even the nearest is weak"


def only_weak(hits: Sequence[Hit], but: int | None = None) -> bool:
    """Whether there are hits and all of them, and their copies, are weak; `but` is the id of the query picture, which
    does not count.
    """
    others = [each for hit in hits for each in (hit, *(hit.copies or ())) if each.id != but]
    return bool(others) and all(each.strength == "weak" for each in others)
