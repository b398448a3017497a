"""Near copies among the hits of a query, shown once.

The nearest hit stays and takes every picture within the threshold of it as its copies; then the nearest of the rest;
and so on. No hit that stays is within the threshold of another, unless both files were looked at and show different
things (`search.query.folding`: pages of print, animations that share a first frame). Copies are measured from the hit
that took them, not from one another: a chain of small steps joins nothing that is far apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search.distance import distances, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.recognition.calibration import Calibration
    from search.types import Floats, Hit, Mask

_GROWTH = 8
"""Where too few distinct hits, or too few copies, were fetched, so many times more are."""
_AROUND = 16
"""Pictures looked at first around each hit."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """How to collapse, and what it needs of an index."""

    threshold: float
    """Euclidean distance, in [0, 2], up to which pictures are copies."""
    nearest: Callable[[Floats, int], list[list[Hit]]]
    """Answers vectors `(Q, D)` with k hits each."""
    vectors: Callable[[Sequence[int]], Floats]
    """Stored vectors `(N, D)` of pictures by id."""
    calibration: Calibration | None = None
    farthest: float | None = None
    """Distance to the query that no hit and no copy may exceed; None: any."""
    differ: Callable[[Hit, Hit], bool] | None = None
    """Whether a near picture shows another thing than the hit that would take it, and stays on its own; None: none
    does."""

    def __call__(self, query: Floats, k: int) -> list[Hit]:
        """The k nearest hits of a query `(D,)` that are no copies of one another, each with its `copies`.

        Fewer where the index holds fewer. A picture within the threshold of two hits is a copy of the nearer one to
        the query. Copies stand by their distance to the query, then by id.
        """
        hits, owner = self._distinct(query, k)
        kept = [place for place, mine in enumerate(owner) if mine == place]
        taken = {hits[place].id for place in kept}
        around = self._around(self.vectors([hits[place].id for place in kept])) if kept else []
        answers = []
        for place, near in zip(kept, around, strict=True):
            mine = {hits[at].id: hits[at] for at, its in enumerate(owner) if its == place}
            mine |= {
                hit.id: hit
                for hit in near
                if hit.id not in taken and hit.id not in mine and not self._differ(hits[place], hit)
            }
            del mine[hits[place].id]
            taken |= mine.keys()
            answers.append(replace(hits[place], copies=self._from_query(query, list(mine.values()))))
        return answers

    def _distinct(self, query: Floats, k: int) -> tuple[list[Hit], list[int]]:
        """Hits, and for each the place of the hit that it is a copy of: its own, where it stays; -1 beyond the k-th."""
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
                for place in free[self._near(vectors[free], vectors[free[0]])].tolist():
                    if place != free[0] and not self._differ(hits[free[0]], hits[place]):
                        owner[place] = free[0]
                owner[free[0]] = free[0]
                kept += 1
            if kept == k or exhausted or (self.farthest is not None and len(hits) < fetch):
                return hits, owner.tolist()
            fetch *= _GROWTH

    def _around(self, vectors: Floats) -> list[list[Hit]]:
        """All pictures within the threshold of each vector."""
        found: list[list[Hit]] = [[] for _ in vectors]
        open_ones, fetch = list(range(len(vectors))), _AROUND
        while open_ones:
            answers = self.nearest(vectors[open_ones], fetch)
            for place, hits in zip(open_ones, answers, strict=True):
                found[place] = [hit for hit in hits if hit.distance <= self.threshold]
            open_ones = [place for place in open_ones if len(found[place]) == fetch]
            fetch *= _GROWTH
        return found

    def _differ(self, stays: Hit, near: Hit) -> bool:
        return self.differ is not None and self.differ(stays, near)

    def _near(self, vectors: Floats, centre: Floats) -> Mask:
        return within(distances(vectors, centre), self.threshold)

    def _from_query(self, query: Floats, copies: list[Hit]) -> tuple[Hit, ...]:
        """Copies with their distance to the query, nearest first."""
        if not copies:
            return ()
        apart = distances(self.vectors([hit.id for hit in copies]), query)
        chances = [None] * len(copies) if self.calibration is None else self.calibration.probability(apart).tolist()
        told = [
            replace(hit, distance=distance, probability=chance)
            for hit, distance, chance in zip(copies, apart.tolist(), chances, strict=True)
            if self.farthest is None or distance <= self.farthest
        ]
        return tuple(sorted(told, key=lambda hit: (hit.distance, hit.id)))
