"""Why a hit is similar to the query: heat maps over both, in a dialog above the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.explaining import Explained, show_heat_maps

if TYPE_CHECKING:
    from app_parts.search.question import Question
    from app_parts.shared_index import SharedIndex
    from search import Hit


def offer_why(opened: SharedIndex, question: Question, hit: Hit) -> None:
    """Offer the heat maps of the one picture of the query and a hit; no other query has any."""
    part = question.whole
    if part is not None and st.button("Why", type="tertiary", help="Why similar", key=f"why-{hit.id}"):
        query = Explained(part.key, part.name, part.source)
        _show(opened, query, Explained(str(hit.id), str(hit.path), opened.file(hit)))


@st.dialog("Why similar", width="large", icon=":material/visibility:")
def _show(opened: SharedIndex, query: Explained, hit: Explained) -> None:
    show_heat_maps(opened, query, hit, ("query", "hit"))
