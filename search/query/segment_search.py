"""Search a store for the neighbours of unit vectors; filter, merge and collapse the hits."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search.distance import within
from search.query.collapse import Collapse
from search.query.copy_threshold import copy_threshold
from search.query.diversity import diverse, pool_size
from search.query.feedback import moved
from search.query.hits import nearest_hits, only_weak
from search.recognition.confidence import Confidence
from search.recognition.stored import same_threshold
from search.types import Answer, Audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.query.known_pictures import KnownPictures
    from search.query.query import Query
    from search.recognition.recognition import Recognition
    from search.store.contract import Found, Selection, Store
    from search.types import Floats, Hit, Timing


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the searches of one query share."""

    chosen: Selection
    """The pictures that match the filter and were not rated."""
    confidence: Confidence
    """Gives the hits their probability or their word."""
    most: float | None = None
    """Greatest distance of a hit; None for no limit."""
    audit: Audit | None = None
    """Is filled with the stages."""
    exactly: bool = False
    """Whether to compare every row."""


class SegmentSearch:
    """Answers queries from one store."""

    def __init__(self, store: Store, known: KnownPictures, recognition: Recognition) -> None:
        """Search a store; `known` looks up its pictures, `recognition` has its calibration."""
        self._store = store
        self._known = known
        self._recognition = recognition

    def checked(self, query: Query) -> Query:
        """Return the query; raises QueryError, before any picture is decoded, if it cannot be answered."""
        self._store.require_open()
        if query.same_only:
            same_threshold(self._store.address, self._recognition.calibration)
        if query.condition is not None:
            self._store.records.check(query.condition)
        if query.rated:
            self._store.require(query.rated)
        return query

    def answer(self, vectors: Floats, query: Query) -> list[list[Hit]]:
        """One list of hits per query `(Q, dim)`, unit rows."""
        return [hits for hits, _ in self._answer(self._moved(vectors, query), query, self._plan(query))]

    def ask(self, vector: Floats, query: Query, timing: Timing, *, audit: bool) -> Answer:
        """Answer one query `(dim,)`, a unit vector, and add the seconds of the search to `timing`."""
        begun = time.perf_counter()
        audited = Audit(query.k, decode=timing.decode, encode=timing.encode) if audit else None
        plan, vectors = self._plan(query, audited), self._moved(vector[None], query)
        ((hits, cut_off),) = self._answer(vectors, query, plan)
        timing.search = time.perf_counter() - begun
        if audited is not None:
            audited.total = timing.decode + timing.encode + timing.search
            audited.recall = self._recall(vectors, hits, query, replace(plan, audit=None))
        return Answer(hits, timing, only_weak(hits), audited, cut_off)

    def _recall(self, queries: Floats, hits: Sequence[Hit], query: Query, plan: _Plan) -> float | None:
        """Share of the exact answer to one query that was found: before hits were collapsed or chosen."""
        if query.collapse or query.diversity or query.radius is not None:
            (hits,) = self._nearest(queries, query.k, plan)
        (exact,) = self._nearest(queries, query.k, replace(plan, exactly=True))
        if not exact:
            return None
        return sum(hit.distance <= exact[-1].distance for hit in hits[: len(exact)]) / len(exact)

    def _moved(self, vectors: Floats, query: Query) -> Floats:
        """Queries `(Q, dim)`, moved by what the user liked and disliked."""
        if not query.rated:
            return vectors
        liked, disliked = self._known.vectors_of(query.liked), self._known.vectors_of(query.disliked)
        return np.stack([moved(vector, liked, disliked) for vector in vectors])

    def _plan(self, query: Query, audit: Audit | None = None) -> _Plan:
        begun = time.perf_counter()
        chosen = self._store.selection(query.condition, query.rated)
        if audit is not None:
            audit.mask = time.perf_counter() - begun
        most = query.radius
        if query.same_only:
            same = same_threshold(self._store.address, self._recognition.calibration)
            most = same if most is None else min(same, most)
        return _Plan(chosen, self._confidence(query), most, audit)

    def _answer(self, vectors: Floats, query: Query, plan: _Plan) -> list[tuple[list[Hit], bool]]:
        """The hits of each query, and whether the radius holds more than those."""
        found = self._candidates(vectors, query, plan)
        return [(self._chosen(hits, query), query.radius is not None and len(hits) > query.k) for hits in found]

    def _chosen(self, hits: list[Hit], query: Query) -> list[Hit]:
        """The k hits of a query, of the nearest ones by distance."""
        if not query.diversity:
            return hits[: query.k]
        hits = hits[: pool_size(query.k)]
        vectors = self._known.vectors_of([hit.id for hit in hits])
        apart = np.array([hit.distance for hit in hits], dtype=np.float32)
        return [hits[place] for place in diverse(vectors, apart, query.k, query.diversity)]

    def _candidates(self, vectors: Floats, query: Query, plan: _Plan) -> list[list[Hit]]:
        """The nearest hits of each query, as many as it needs, with copies collapsed where that is set."""
        if not query.collapse:
            return self._nearest(vectors, query.wanted, plan)
        from search.query.folding import Folding  # which needs Pillow

        around, measured = replace(plan, most=None), self._recognition.confidence
        folding = Folding(self._store.records.of)
        collapse = Collapse(
            copy_threshold(measured.calibration, measured.cut_points).distance,
            lambda queries, k: self._nearest(queries, k, around),
            self._known.vectors_of,
            plan.confidence,
            plan.most,
            folding.differ,
        )
        return [collapse(vector, query.wanted) for vector in vectors]

    def _confidence(self, query: Query) -> Confidence:
        """What rates the hits of a query: distances to texts, and to blends, are not those between two pictures."""
        if query.blended:
            return Confidence()
        return self._recognition.text_confidence if query.worded else self._recognition.confidence

    def _nearest(self, queries: Floats, k: int, plan: _Plan) -> list[list[Hit]]:
        """The k nearest hits of each query `(Q, dim)`, unit rows, from all parts of the store."""
        found = plan.chosen.nearest(queries, k, plan.audit, exactly=plan.exactly)
        if plan.most is not None:
            found = [_within(each, plan.most) for each in found]
        if not found:
            return [[] for _ in queries]
        begun = time.perf_counter()
        hits = nearest_hits(found, k, self._store.shown, plan.confidence)
        if plan.audit is not None:
            plan.audit.records += time.perf_counter() - begun
        return hits


def _within(found: Found, most: float) -> Found:
    """What was found within a distance."""
    return found._replace(rows=np.where(within(found.distances, most), found.rows, -1))
