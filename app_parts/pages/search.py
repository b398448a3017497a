"""Search: ask with pictures or a text, and see the nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.frame import framed
from app_parts.search.asking import show_ask_box
from app_parts.search.collection import show_collection
from app_parts.search.keyboard import listen
from app_parts.search.neighbours import show_neighbours
from app_parts.search.picture import show_picture
from app_parts.search.query_card import show_question
from app_parts.search.question import known_picture, question_of
from app_parts.search.searching import result_of
from app_parts.search.settings import show_settings
from app_parts.service_problem import is_of_service
from app_parts.tiles import literal
from search import TwinlensError

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.search.question import Question
    from app_parts.search.searching import SearchResult, SearchSettings
    from app_parts.shared_index import SharedIndex


def show(opened: SharedIndex, address: Address) -> None:
    """Show what the address selects: a picture in full, the neighbours of a question, or the collection."""
    with st.container(gap="xxsmall"):
        st.title("Search by picture", anchor=False)
        st.markdown(f"Which of {opened.info.images:,} pictures look most like yours?")
    full = known_picture(opened.engine, address, "full")
    label = address.label("label", opened.labels)
    question = question_of(opened, address)
    with st.sidebar:
        settings = show_settings(opened, address, label, question)
    if full is not None:
        show_picture(opened, full)
        return
    show_ask_box(opened, question)
    listen()
    if settings is None:
        st.button("Remove the filter", icon=":material/filter_alt_off:", on_click=change, kwargs={"where": None})
        if question.parts:
            show_question(opened, question, None)
        return
    result = answered(opened, question, settings) if question.parts else None
    if question.parts:
        show_question(opened, question, result)
    if result is None:
        show_collection(opened, settings.options["where"], address, label)
    else:
        show_neighbours(opened, question, result, settings)


def answered(opened: SharedIndex, question: Question, settings: SearchSettings) -> SearchResult | None:
    """The answer to a question; None, with the reason on the page, if there is none."""
    try:
        with st.spinner("Searching …"):
            return result_of(opened, question, settings)
    except TwinlensError as error:
        if opened.service is not None and (is_of_service(error) or opened.replaced()):
            raise  # which the frame of the page reports
        st.error(literal(error), title="The search failed")
        return None


if __name__ == "__main__":
    framed("search", show)
