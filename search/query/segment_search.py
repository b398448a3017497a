"""Search every segment of a snapshot for the neighbours of unit vectors; filter, merge and collapse the hits."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search.distance import within
from search.query.collapse import Collapse
from search.query.copy_threshold import copy_threshold
from search.query.feedback import left_out, moved
from search.query.hits import Found, nearest_hits, only_weak
from search.query.masks import FilterMasks
from search.recognition.confidence import Confidence
from search.recognition.stored import same_threshold
from search.store.shown_pictures import ShownPictures
from search.types import Answer, Audit, SegmentAudit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.conditions import Condition
    from search.query.known_pictures import KnownPictures
    from search.query.query import Query
    from search.recognition.recognition import Recognition
    from search.store.segments import Segment
    from search.store.snapshot import Snapshot
    from search.types import Floats, Hit, Mask, Timing


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the searches of one query share."""

    chosen: Sequence[tuple[Segment, Mask | None]]
    """Each segment with a mask of its rows that match the filter; None without a filter."""
    confidence: Confidence
    """Gives the hits their probability or their word."""
    most: float | None = None
    """Greatest distance of a hit; None for no limit."""
    audit: Audit | None = None
    """Is filled with the stages."""
    exactly: bool = False
    """Whether to compare every row."""


class SegmentSearch:
    """Answers queries from one snapshot; the masks of filters and what hits show are cached."""

    def __init__(self, snapshot: Snapshot, known: KnownPictures, recognition: Recognition) -> None:
        """Search a snapshot; `known` looks up its pictures, `recognition` has its calibration."""
        self._snapshot = snapshot
        self._known = known
        self._recognition = recognition
        self._masks = FilterMasks(snapshot.catalog)
        self._pictures = ShownPictures(snapshot.catalog)

    def checked(self, query: Query) -> Query:
        """Return the query; raises QueryError, before any picture is decoded, if it cannot be answered."""
        self._snapshot.require_open()
        if query.same_only:
            same_threshold(self._snapshot.folder, self._recognition.calibration)
        if query.condition is not None:
            self._snapshot.catalog.metadata.check(query.condition)
        if query.rated:
            self._known.places_of(query.rated)
        return query

    def mask(self, segment: Segment, condition: Condition | None) -> Mask | None:
        """Rows of a segment that match a condition, `(N,) bool`; None without a condition."""
        return None if condition is None else self._masks.mask(segment.id, len(segment.vectors), condition)

    def answer(self, vectors: Floats, query: Query) -> list[list[Hit]]:
        """One list of hits per query `(Q, dim)`, unit rows."""
        return self._answer(self._moved(vectors, query), query, self._plan(query))

    def ask(self, vector: Floats, query: Query, timing: Timing, *, audit: bool) -> Answer:
        """Answer one query `(dim,)`, a unit vector, and add the seconds of the search to `timing`."""
        begun = time.perf_counter()
        audited = Audit(query.k, decode=timing.decode, encode=timing.encode) if audit else None
        plan, vectors = self._plan(query, audited), self._moved(vector[None], query)
        (hits,) = self._answer(vectors, query, plan)
        timing.search = time.perf_counter() - begun
        if audited is not None:
            audited.total = timing.decode + timing.encode + timing.search
            audited.recall = self._recall(vectors, hits, query, replace(plan, audit=None))
        return Answer(hits, timing, only_weak(hits), audited)

    def _recall(self, queries: Floats, hits: Sequence[Hit], query: Query, plan: _Plan) -> float | None:
        """Share of the exact answer to one query that was found: before near copies were collapsed."""
        if query.collapse:
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

    def _unrated(
        self, chosen: Sequence[tuple[Segment, Mask | None]], query: Query
    ) -> list[tuple[Segment, Mask | None]]:
        """The masks of all segments without the pictures that the user liked or disliked."""
        of, rows = np.array(self._known.places_of(query.rated)).T
        return [(each, left_out(rows[of == each.id], mask, len(each.vectors))) for each, mask in chosen]

    def _plan(self, query: Query, audit: Audit | None = None) -> _Plan:
        begun = time.perf_counter()
        chosen = [(segment, self.mask(segment, query.condition)) for segment in self._snapshot.segments]
        if query.rated:
            chosen = self._unrated(chosen, query)
        if audit is not None:
            audit.mask = time.perf_counter() - begun
        most = same_threshold(self._snapshot.folder, self._recognition.calibration) if query.same_only else None
        return _Plan(chosen, self._confidence(query), most, audit)

    def _answer(self, vectors: Floats, query: Query, plan: _Plan) -> list[list[Hit]]:
        if not query.collapse:
            return self._nearest(vectors, query.k, plan)
        from search.query.folding import Folding  # which needs Pillow

        around, measured = replace(plan, most=None), self._recognition.confidence
        folding = Folding(self._snapshot.catalog.pictures.of)
        collapse = Collapse(
            copy_threshold(measured.calibration, measured.cut_points).distance,
            lambda queries, k: self._nearest(queries, k, around),
            self._known.vectors_of,
            plan.confidence,
            plan.most,
            folding.differ,
        )
        return [collapse(vector, query.k) for vector in vectors]

    def _confidence(self, query: Query) -> Confidence:
        """What rates the hits of a query: distances to texts, and to blends, are not those between two pictures."""
        if query.blended:
            return Confidence()
        return self._recognition.text_confidence if query.worded else self._recognition.confidence

    def _nearest(self, queries: Floats, k: int, plan: _Plan) -> list[list[Hit]]:
        """The k nearest hits of each query `(Q, dim)`, unit rows, from all segments."""
        found = [self._found(queries, k, segment, mask, plan) for segment, mask in plan.chosen]
        if not found:
            return [[] for _ in queries]
        begun = time.perf_counter()
        hits = nearest_hits(found, k, self._pictures, plan.confidence)
        if plan.audit is not None:
            plan.audit.records += time.perf_counter() - begun
        return hits

    def _found(self, queries: Floats, k: int, segment: Segment, mask: Mask | None, plan: _Plan) -> Found:
        if plan.exactly:
            distances, rows = segment.search_exactly(queries, k, mask)
        elif plan.audit is None:
            distances, rows = segment.search(queries, k, mask)
        else:
            audit = _audit_of(segment, plan.audit)
            distances, rows = segment.search(queries, k, mask, audit)
        if plan.most is not None:
            rows = np.where(within(distances, plan.most), rows, -1)
        return Found(segment.id, distances, rows)


def _audit_of(segment: Segment, audit: Audit) -> SegmentAudit:
    """The entry of a segment, to which every search of a query adds."""
    for each in audit.segments:
        if each.segment == segment.id:
            return each
    audit.segments.append(SegmentAudit(segment.id, segment.structure.kind))
    return audit.segments[-1]
