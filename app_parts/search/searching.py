"""The searches of visitors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from search.query.hits import only_weak

if TYPE_CHECKING:
    from app_parts.search.question import Part, Question
    from app_parts.shared_index import Engine, SharedIndex
    from search import Hit
    from search.query.query import SearchOptions


class SearchSettings(NamedTuple):
    """The visitor's choices: how many neighbours, among which pictures."""

    k: int
    where: str
    """The filter as a text, empty for none; `options` has it parsed."""
    options: SearchOptions
    views: bool = False
    """Whether to search with several views of each picture that is embedded."""
    listed: tuple[int, ...] = ()
    """Ids of an area of the map that are too many for a text: `where` lacks them, `options` has them."""


class SearchResult(NamedTuple):
    """The hits of a question, and the seconds that each step took."""

    hits: list[Hit]
    weak: bool
    """Whether even the nearest other picture is weak."""
    seconds: dict[str, float]
    copies: int = 0
    """Near copies of a picked picture, which is not among its own hits."""
    cut_off: bool = False
    """Whether more pictures lie within the radius than are shown."""


def result_of(opened: SharedIndex, question: Question, settings: SearchSettings) -> SearchResult:
    """Answer a question; the last answer of a session is kept, because most clicks change nothing about it."""
    key = opened.number, question, settings.k, settings.where, settings.views, repr(settings.options)
    if "answered" not in st.session_state or st.session_state.answered[0] != key:
        st.session_state.answered = key, search(opened.engine, question, settings)
    result: SearchResult = st.session_state.answered[1]
    return result


def search(engine: Engine, question: Question, settings: SearchSettings) -> SearchResult:
    """Answer a question. Pictures of the collection that it is made of are not among its hits.

    One picture of the collection is looked up by its stored embedding, which needs neither its file nor the encoder.
    """
    begun, k = time.perf_counter(), number_asked(question, settings)
    options: SearchOptions = {**settings.options, "liked": question.liked, "disliked": question.disliked}
    part = question.parts[0]
    if looked_up(question) is not None:
        vector = engine.vector(looked_up(question) or 0)
        found = time.perf_counter()
        (answer,) = engine.ask_vectors(vector[None], k, **options)
        seconds = {"looked up": found - begun, "searched": time.perf_counter() - found}
    else:
        without = [each.example for each in question.without]
        views = shows_views(question, settings)
        if len(question.parts) == 1:
            answer = engine.ask(part.example, k, without=without, crop=question.crop, views=views, **options)
        else:
            examples = [each.example for each in question.parts]
            answer = engine.ask_together(examples, k, weights=question.weights, without=without, views=views, **options)
        took = answer.timing
        seconds = {} if all(each.text for each in question.parts) else {"decoded": took.decode}
        seconds |= {"encoded": took.encode, "searched": took.search}
    own = [hit for hit in answer.hits if question.own_ids & {hit.id, *(copy.id for copy in hit.copies or ())}]
    others = [hit for hit in answer.hits if hit not in own]
    cut_off = settings.options.get("radius") is not None and (answer.cut_off or len(others) > settings.k)
    weak = only_weak(answer.hits, but=next(iter(question.own_ids), None))
    copies = sum(len(hit.copies or ()) for hit in own)
    return SearchResult(others[: settings.k], weak, seconds, copies, cut_off)


def looked_up(question: Question) -> int | None:
    """The picture whose stored embedding is the query; None if something has to be embedded."""
    part: Part = question.parts[0]
    single = len(question.parts) == 1 and not question.without and question.crop is None
    return part.id if single else None


def shows_views(question: Question, settings: SearchSettings) -> bool:
    """Whether several views of each picture are searched with: stored embeddings and texts have none."""
    return settings.views and looked_up(question) is None and not all(part.text for part in question.parts)


def number_asked(question: Question, settings: SearchSettings) -> int:
    """Number of hits to ask for, so that enough are left without the pictures of the question itself."""
    return settings.k + len(question.own_ids)


def copies_text(count: int) -> str:
    """The number of near-duplicates that a hit represents; empty if it has none."""
    return f"+{count:,} {'copy' if count == 1 else 'copies'}" if count else ""
