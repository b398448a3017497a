"""Merge the rows that were found in the segments of an index, and make hits of the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from search.types import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.recognition.confidence import Confidence
    from search.store.records import ShownRecord
    from search.store.shown_pictures import ShownPictures
    from search.types import Floats, Mask, Rows


class Found(NamedTuple):
    """The result of one segment for several queries: distances and rows `(Q, k)`; the row -1 is none."""

    segment: int
    distances: Floats
    rows: Rows


def nearest_hits(found: Sequence[Found], k: int, pictures: ShownPictures, confidence: Confidence) -> list[list[Hit]]:
    """The k nearest hits of each query, ties by ascending id; rows without a picture are left out.

    Args:
        found: the results of the segments, at least one, each ascending by distance, with at most k rows a query.
        k: hits per query.
        pictures: what hits show.
        confidence: rates the hits.
    """
    if len(found) == 1:
        (segment, distances, rows), there = found[0], found[0].rows >= 0
        records = pictures.at(segment, rows[there].tolist())
        return _hits(distances, there, records, k, confidence, sort=False)
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


def _records(found: Sequence[Found], rows: Rows, chosen: Mask, pictures: ShownPictures) -> list[ShownRecord | None]:
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
    hits = [
        None if r is None else Hit(r.id, r.path, r.label, distance, chance, {**r.metadata}, None, strength)
        for r, distance, chance, strength in zip(records, apart.tolist(), *confidence.of(apart), strict=True)
    ]
    ends = np.cumsum(np.add.reduce(chosen, axis=1)).tolist()
    parts = (hits[start:end] for start, end in zip([0, *ends], ends, strict=False))
    answers = [[hit for hit in part if hit is not None] for part in parts]
    if sort or (apart[:-1] == apart[1:]).any():  # one segment has sorted its rows, but ties by row
        for answer in answers:
            answer.sort(key=_order)
    return [answer[:k] for answer in answers]


def _order(hit: Hit) -> tuple[float, int]:
    return hit.distance, hit.id


WEAK = "nothing here looks much like it: even the nearest is weak"


def only_weak(hits: Sequence[Hit], but: int | None = None) -> bool:
    """Whether there are hits and all of them, and their copies, are weak; `but` is the id of the query picture, which
    does not count.
    """
    others = [each for hit in hits for each in (hit, *(hit.copies or ())) if each.id != but]
    return bool(others) and all(each.strength == "weak" for each in others)
