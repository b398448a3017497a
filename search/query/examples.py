"""Queries from examples: embed pictures and texts, blend them if there are several, and search the segments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from search.chunks import chunks
from search.query.blend import blend, has_text
from search.query.embedding import DECODED_AT_ONCE, part_of
from search.query.query import Query
from search.types import Timing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.crop import Crop
    from search.query.embedding import Embedder
    from search.query.query import SearchOptions
    from search.query.segment_search import SegmentSearch
    from search.types import Answer, Example, Hit, Picture


class Asking:
    """Answers examples from one snapshot; checks a query before it reads a picture."""

    def __init__(self, embedder: Embedder, segment_search: SegmentSearch) -> None:
        """Embed with the first and search with the second."""
        self._embedder = embedder
        self._segment_search = segment_search

    def one(
        self,
        example: Example,
        k: int,
        without: Sequence[Example],
        crop: Crop | None,
        options: SearchOptions,
        *,
        views: bool = False,
        audit: bool = False,
    ) -> Answer:
        """Answer one example, less its counterexamples: see `SearchEngine.ask`."""
        blended, worded = views or len(without) > 0, has_text([example, *without])
        query, timing = self._checked(k, options, blended=blended, worded=worded), Timing()
        start = time.perf_counter()
        looked_at = part_of(example, crop)
        timing.decode = time.perf_counter() - start
        embedding = self._embedder.embed_examples([looked_at, *without], timing, views=views)
        if len(without):
            embedding = blend(embedding[:1], embedding[1:])[None]
        return self._segment_search.ask(embedding[0], query, timing, audit=audit)

    def together(
        self,
        examples: Sequence[Example],
        k: int,
        weights: Sequence[float] | None,
        without: Sequence[Example],
        options: SearchOptions,
        *,
        views: bool = False,
        audit: bool = False,
    ) -> Answer:
        """Answer several examples as one query: see `SearchEngine.ask_together`."""
        query, timing = self._checked(k, options, blended=True, worded=has_text([*examples, *without])), Timing()
        vectors = self._embedder.embed_examples([*examples, *without], timing, views=views)
        blended = blend(vectors[: len(examples)], vectors[len(examples) :], weights)
        return self._segment_search.ask(blended, query, timing, audit=audit)

    def many(
        self, pictures: Sequence[Picture], k: int, options: SearchOptions, *, views: bool = False
    ) -> list[list[Hit]]:
        """Answer each of several pictures: see `SearchEngine.search_many`."""
        query = self._checked(k, options, blended=views)
        parts = (self._embedder.embed(chunk, views=views) for chunk in chunks(pictures, DECODED_AT_ONCE))
        return [hits for vectors in parts for hits in self._segment_search.answer(vectors, query)]

    def _checked(self, k: int, options: SearchOptions, *, blended: bool = False, worded: bool = False) -> Query:
        return self._segment_search.checked(Query.of(k, options, blended=blended, worded=worded))
