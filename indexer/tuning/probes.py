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
"""With fewer queries, copies are not held out."""
_MOVE = 0.2
"""Rows are moved by this share of the distance to the nearest picture that is no copy."""
_ROWS_AT_ONCE = 16_384
MOVED_ROWS = "held-out rows without their copies, each moved"


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
        """Share `(Q,)` of the true neighbours among hits `(Q, K)`; rows that are equal may replace each other."""
        found = distances[:, : self.neighbours] <= self.furthest[:, None] + _ROUNDING
        shares: NDArray[np.float64] = found.mean(axis=1)
        return shares


_ROUNDING = np.float32(1e-6)


def choose_probes(vectors: Floats, views: Views | None = None) -> Probes:
    """Choose rows of `(N, D) float32` and make queries of them: from `views` where it can, else by moving them."""
    size = len(vectors)
    random = np.random.default_rng(0)
    rows = random.permutation(size)[: 0 if size < LEAST_ROWS else min(ROWS, int(_MOST_HELD_OUT * size))]
    around = surroundings(vectors, rows, int(_MOST_HELD_OUT * size) // 4)
    if views is not None and len(rows):
        shown = rows[: views.choose(len(rows))]
        queries, places = views.embed(shown)
        if 2 * len(places) >= len(shown) > 0:
            held_out, kept = _with_copies(vectors, shown[places], around.within[places])
            return probes_of(vectors, held_out, queries[kept], views.by)
    held_out, kept = _with_copies(vectors, rows, around.within)
    by = _MOVE * float(np.median(around.nearest)) if len(rows) else 0.0
    return probes_of(vectors, held_out, _moved(vectors, rows[kept], by, random), MOVED_ROWS)


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
    """Rows to hold out, ascending: the given ones and their copies; and the positions of the given rows that are used.

    Rows are used in turn until a twentieth of the segment is held out, one of each group of copies. Those with too many
    copies are left out, unless hardly any others are left: then they are used without their copies.
    """
    most = int(_MOST_HELD_OUT * len(vectors))
    copies = _copies(vectors, rows, within, most // 4)
    held_out: set[int] = set()
    used = []
    for place, row in enumerate(rows.tolist()):
        own = copies.get(place, [])
        if own is not None and row not in held_out and len(held_out) + len(own) + 1 <= most:
            held_out |= {row, *own}
            used.append(place)
    if len(used) < min(_FEWEST, len(rows)):
        return np.sort(rows), np.arange(len(rows))
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
