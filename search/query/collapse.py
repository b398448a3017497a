"""Collapse near copies among the hits of a query into one hit.

The nearest hit is kept and gets every picture within the threshold of it as its copies; then the nearest of the rest,
and so on. No two kept hits are within the threshold of each other, unless both files were read and show different
things (`search.query.folding`: pages of print, animations that share a first frame). Copies are measured from the hit
that they belong to, not from one another, so that a chain of small steps does not join pictures that are far apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search.distance import distances, within
from search.recognition.confidence import Confidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.types import Floats, Hit, Mask

_GROWTH = 8
"""Factor by which more hits are fetched when too few of them were distinct."""
_AROUND = 16
"""Pictures fetched first around each hit."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """Collapses near copies, with the given settings and functions of an index."""

    threshold: float
    """Euclidean distance, in [0, 2], up to which pictures are copies."""
    nearest: Callable[[Floats, int], list[list[Hit]]]
    """Answers vectors `(Q, D)` with k hits each."""
    vectors: Callable[[Sequence[int]], Floats]
    """Stored vectors `(N, D)` of pictures by id."""
    confidence: Confidence
    """Rates the distances of copies to the query."""
    farthest: float | None = None
    """Greatest distance of hits and copies to the query; None for no limit."""
    differ: Callable[[Hit, Hit], bool] | None = None
    """Whether a picture shows something else than the hit that it is near to, and so is a hit of its own. Defaults to
    never."""

    def __call__(self, query: Floats, k: int) -> list[Hit]:
        """The k nearest hits of a query `(D,)` that are not copies of one another, each with its `copies`.

        There are fewer if the index holds fewer. A picture within the threshold of two hits is a copy of the one that
        is nearer to the query. Copies are sorted by their distance to the query, then by id.
        """
        hits, owner = self._distinct(query, k)
        kept = [place for place, its in enumerate(owner) if its == place]
        taken = {hits[place].id for place in kept}
        around = self._around(self.vectors([hits[place].id for place in kept])) if kept else []
        answers = []
        for place, neighbours in zip(kept, around, strict=True):
            copies = {hits[at].id: hits[at] for at, its in enumerate(owner) if its == place}
            copies |= {
                hit.id: hit
                for hit in neighbours
                if hit.id not in taken and hit.id not in copies and not self._differ(hits[place], hit)
            }
            del copies[hits[place].id]
            taken |= copies.keys()
            answers.append(replace(hits[place], copies=self._from_query(query, list(copies.values()))))
        return answers

    def _distinct(self, query: Floats, k: int) -> tuple[list[Hit], list[int]]:
        """Hits, and for each the index of the hit that it is a copy of: its own if it is kept; -1 beyond the k-th."""
        fetch = 2 * k + _AROUND
        while True:
            hits = self.nearest(query[None], fetch)[0]
            exhausted = len(hits) < fetch
            if self.farthest is not None:
                hits = [hit for hit in hits if hit.distance <= self.farthest]
            vectors = self.vectors([hit.id for hit in hits])
            owner = np.full(len(hits), -1)
            kept = 0
            while kept < k and (free := np.flatnonzero(owner < 0)).size:
                for place in free[self._are_copies(vectors[free], vectors[free[0]])].tolist():
                    if place != free[0] and not self._differ(hits[free[0]], hits[place]):
                        owner[place] = free[0]
                owner[free[0]] = free[0]
                kept += 1
            if kept == k or exhausted or (self.farthest is not None and len(hits) < fetch):
                return hits, owner.tolist()
            fetch *= _GROWTH

    def _around(self, vectors: Floats) -> list[list[Hit]]:
        """All pictures within the threshold of each vector."""
        around: list[list[Hit]] = [[] for _ in vectors]
        open_ones, fetch = list(range(len(vectors))), _AROUND
        while open_ones:
            answers = self.nearest(vectors[open_ones], fetch)
            for place, hits in zip(open_ones, answers, strict=True):
                around[place] = [hit for hit in hits if hit.distance <= self.threshold]
            open_ones = [place for place in open_ones if len(around[place]) == fetch]
            fetch *= _GROWTH
        return around

    def _differ(self, kept: Hit, other: Hit) -> bool:
        return self.differ is not None and self.differ(kept, other)

    def _are_copies(self, vectors: Floats, centre: Floats) -> Mask:
        return within(distances(vectors, centre), self.threshold)

    def _from_query(self, query: Floats, copies: list[Hit]) -> tuple[Hit, ...]:
        """Copies with their distance to the query, nearest first."""
        if not copies:
            return ()
        apart = distances(self.vectors([hit.id for hit in copies]), query)
        rated = zip(copies, apart.tolist(), *self.confidence.of(apart), strict=True)
        shown = [
            replace(hit, distance=distance, probability=chance, strength=strength)
            for hit, distance, chance, strength in rated
            if self.farthest is None or distance <= self.farthest
        ]
        return tuple(sorted(shown, key=lambda hit: (hit.distance, hit.id)))
