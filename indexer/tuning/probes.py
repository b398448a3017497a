"""Queries to measure recall with: like pictures that are not in the collection, and have no copy in it.

A held-out row alone is not like that. In a collection with copies (frames, edited pictures, augmented data) its copies
stay, and a graph finds a tight group of copies with little effort. Measured with 16 copies of each picture: at an
effort at which it found 0.97 of the neighbours of held-out rows, a graph found 0.64 of those of new pictures. So the
copies are held out too, and the row is moved a little, so that the stated recall is not above that of new pictures
(docs/results/stated_recall.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexer.tuning.copy_gaps import surroundings
from search.store.segments import exact_search
from search.tuned import LEAST_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats, Rows

K = 10
"""Neighbours per query: recall is recall@10."""
ROWS = 1000
"""Held-out rows used as queries: the standard error of a recall of 0.95 is then about 0.004."""
_MOST_HELD_OUT = 0.05
"""Largest share of a segment that is held out, copies included: rows that enter a graph last are found less well."""
_FEWEST = 16
"""With fewer queries, more is held out, ..."""
_MOST_FOR_FEW = 0.2
"""... up to this share."""
_LARGEST_GROUP = 0.0125
"""Rows with more copies than this share of a segment are no queries. Of a thing in more pictures than that, a new
picture is no new thing: its pictures are rows like others."""
_HARDLY_ANY = 0.8
"""If more rows than this share are in such groups, the others are few, or those whose copies were not recognised."""
_MOVE = 0.2
"""Rows are moved by this share of the distance to the nearest picture that is no copy."""
_ROWS_AT_ONCE = 16_384
MOVED_ROWS = "held-out rows without their copies, each moved"
MOVED_COPIES = "held-out rows, whose copies were too many to leave out, each moved"


class Views(Protocol):
    """Embeds changed versions of the pictures of rows."""

    by: str
    """What the queries are, for messages."""

    def choose(self, rows: int) -> int:
        """How many of so many rows to embed again."""

    def embed(self, rows: Rows) -> tuple[Floats, Rows]:
        """Vectors `(V, D)` of changed versions, and the positions `(V,)` in `rows` of their pictures."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Queries, the rows to leave out for them, and the distances of their true neighbours."""

    held_out: Rows
    queries: Floats
    furthest: Floats
    """`(Q,)` distance of the last of the true neighbours among the rows that are not held out."""
    neighbours: int
    """Number of the true neighbours of each query: `K`, or fewer in a tiny segment."""
    by: str

    def shares_found(self, distances: Floats) -> NDArray[np.float64]:
        """Share `(Q,)` of the true neighbours among hits `(Q, K)`; rows that are equal may replace each other.

        The distance between two vectors has the same bits wherever it is measured (`search.distance`).
        """
        shares: NDArray[np.float64] = (distances[:, : self.neighbours] <= self.furthest[:, None]).mean(axis=1)
        return shares


def choose_probes(vectors: Floats, views: Views | None = None) -> Probes:
    """Choose rows of `(N, D) float32` and make queries of them: from `views` where it can, else by moving them."""
    size = len(vectors)
    random = np.random.default_rng(0)
    rows = random.permutation(size)[: 0 if size < LEAST_ROWS else min(ROWS, int(_MOST_HELD_OUT * size))]
    around = surroundings(vectors, rows, int(_LARGEST_GROUP * size))
    if views is not None and len(rows):
        shown = rows[: views.choose(len(rows))]
        queries, places = views.embed(shown)
        if 2 * len(places) >= len(shown) > 0:
            held_out, kept = _with_copies(vectors, shown[places], around.within[places])
            if len(kept):
                return probes_of(vectors, held_out, queries[kept], views.by)
    held_out, kept = _with_copies(vectors, rows, around.within)
    by = _MOVE * float(np.median(around.nearest)) if len(rows) else 0.0
    if len(kept) or not len(rows):
        return probes_of(vectors, held_out, _moved(vectors, rows[kept], by, random), MOVED_ROWS)
    return probes_of(vectors, np.sort(rows), _moved(vectors, rows, by, random), MOVED_COPIES)


def probes_of(vectors: Floats, held_out: Rows, queries: Floats, by: str) -> Probes:
    """Probes of given queries `(Q, D)`, with `held_out` the rows that are to be left out."""
    others = np.ones(len(vectors), dtype=np.bool_)
    others[held_out] = False
    neighbours = min(K, int(np.count_nonzero(others)))
    if len(queries) == 0 or neighbours == 0:
        return Probes(held_out, queries[:0], np.empty(0, dtype=np.float32), neighbours, by)
    truth = exact_search(vectors, queries, neighbours, others)[0]
    return Probes(held_out, queries, truth[:, -1], neighbours, by)


def _with_copies(vectors: Floats, rows: Rows, within: Floats) -> tuple[Rows, Rows]:
    """Rows to hold out, ascending: some of the given ones and their copies; and the positions of those that are used.

    Rows are used in turn, one of each group of copies, until the next one and its copies are too many to be held out.
    To go on with later ones that have fewer copies, or whose copies were not recognised, was rejected: the queries
    would be unlike the rows, and the stated recall too high. Rows of the largest groups are passed over; if hardly any
    others are left, none is used.
    """
    copies = _copies(vectors, rows, within, int(_LARGEST_GROUP * len(vectors)))
    held_out: set[int] = set()
    used: list[int] = []
    if sum(own is None for own in copies.values()) > _HARDLY_ANY * len(rows):
        return rows[:0], rows[:0]
    for place, row in enumerate(rows.tolist()):
        own = copies.get(place, [])
        if own is None or row in held_out:
            continue
        share = _MOST_HELD_OUT if len(used) >= _FEWEST else _MOST_FOR_FEW
        if len(held_out) + len(own) + 1 > share * len(vectors):
            break
        held_out |= {row, *own}
        used.append(place)
    return np.array(sorted(held_out), dtype=np.int64), np.array(used, dtype=np.int64)


def _copies(vectors: Floats, rows: Rows, within: Floats, most: int) -> dict[int, list[int] | None]:
    """Position of a row -> the rows within its distance, None if more than `most`; rows without copies are left out."""
    places = np.flatnonzero(within > 0)
    copies: dict[int, list[int] | None] = {place: [] for place in places.tolist()}
    least = 1 - np.square(within[places]) / 2
    for first in range(0, len(vectors) if len(places) else 0, _ROWS_AT_ONCE):
        near, of = np.nonzero(vectors[first : first + _ROWS_AT_ONCE] @ vectors[rows[places]].T > least)
        for row, place in zip((near + first).tolist(), places[of].tolist(), strict=True):
            own = copies[place]
            if own is not None:
                own.append(row)
                copies[place] = own if len(own) <= most else None
    return copies


def _moved(vectors: Floats, rows: Rows, by: float, random: np.random.Generator) -> Floats:
    """The vectors of rows, each moved by a distance in the direction of the difference of two random rows."""
    one, two = (vectors[random.integers(0, len(vectors), len(rows))] for _ in range(2))
    away = one - two
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    moved = vectors[rows] + np.float32(by) * np.divide(away, lengths, out=np.zeros_like(away), where=lengths > 0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: Floats = np.where(lengths > 0, moved / np.where(lengths > 0, lengths, 1), vectors[rows]).astype(np.float32)
    return unit
