"""Search every segment of a snapshot for the neighbours of unit vectors; filter, merge and collapse the hits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from search.distance import within
from search.query.collapse import Collapse
from search.query.copy_threshold import copy_threshold
from search.query.hits import hits_of, nearest, with_metadata
from search.query.masks import FilterMasks
from search.recognition.confidence import Confidence
from search.recognition.stored import same_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.conditions import Condition
    from search.query.known_pictures import KnownPictures
    from search.query.query import Query
    from search.recognition.recognition import Recognition
    from search.store.segments import Segment
    from search.store.snapshot import Snapshot
    from search.types import Floats, Hit, Mask


class SegmentSearch:
    """Answers queries from one snapshot; the masks of filters are cached."""

    def __init__(self, snapshot: Snapshot, known: KnownPictures, recognition: Recognition) -> None:
        """Search a snapshot; `known` looks up its pictures, `recognition` has its calibration."""
        self._snapshot = snapshot
        self._known = known
        self._recognition = recognition
        self._masks = FilterMasks(snapshot.catalog)

    def checked(self, query: Query) -> Query:
        """Return the query; raises QueryError, before any picture is decoded, if it cannot be answered."""
        self._snapshot.require_open()
        if query.same_only:
            same_threshold(self._snapshot.folder, self._recognition.calibration)
        if query.condition is not None:
            self._snapshot.catalog.metadata.check(query.condition)
        return query

    def mask(self, segment: Segment, condition: Condition | None) -> Mask | None:
        """Rows of a segment that match a condition, `(N,) bool`; None without a condition."""
        return None if condition is None else self._masks.mask(segment.id, len(segment.vectors), condition)

    def answer(self, vectors: Floats, query: Query) -> list[list[Hit]]:
        """One list of hits per query `(Q, dim)`, unit rows."""
        snapshot, measured = self._snapshot, self._recognition.confidence
        most = same_threshold(snapshot.folder, measured.calibration) if query.same_only else None
        confidence = self._confidence(query)
        chosen = [(segment, self.mask(segment, query.condition)) for segment in snapshot.segments]
        if query.collapse:
            from search.query.folding import Folding  # which needs Pillow

            around = partial(self._nearest, chosen=chosen, confidence=confidence)
            folding = Folding(snapshot.catalog.pictures.of)
            apart = copy_threshold(measured.calibration, measured.cut_points).distance
            collapse = Collapse(apart, around, self._known.vectors_of, confidence, most, folding.differ)
            answers = [collapse(vector, query.k) for vector in vectors]
        else:
            answers = self._nearest(vectors, query.k, chosen, confidence, most)
        return with_metadata(snapshot.catalog, answers)

    def _confidence(self, query: Query) -> Confidence:
        """What rates the hits of a query: distances to texts, and to blends, are not those between two pictures."""
        if query.blended:
            return Confidence()
        return self._recognition.text_confidence if query.worded else self._recognition.confidence

    def _nearest(
        self,
        queries: Floats,
        k: int,
        chosen: Sequence[tuple[Segment, Mask | None]],
        confidence: Confidence,
        most: float | None = None,
    ) -> list[list[Hit]]:
        """Search every segment, merge the hits by distance, and add their records; ties are sorted by ascending id.

        Args:
            queries: `(Q, dim)` unit rows.
            k: hits per query.
            chosen: each segment with a mask of its rows that match the filter; None without a filter.
            confidence: gives the hits their probability or their word.
            most: greatest distance of a hit; None for no limit.
        """
        merged: list[list[Hit]] = [[] for _ in queries]
        for segment, mask in chosen:
            distances, rows = segment.search(queries, k, mask)
            pictures = self._snapshot.catalog.pictures.at_rows(segment.id, np.unique(rows[rows >= 0]).tolist())
            for hits, of_query, neighbours in zip(merged, distances, rows, strict=True):
                accepted = neighbours if most is None else np.where(within(of_query, most), neighbours, -1)
                hits += hits_of(pictures, of_query, accepted, confidence)
        return [nearest(hits, k) for hits in merged]
