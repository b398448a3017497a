"""Select hits, take them along, and repeat the same search elsewhere."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.archive import MOST_BYTES
from app_parts.managing.chosen_index import index_folder
from app_parts.search.exports import archive_of, csv_of, json_of
from app_parts.search.same_search import IDS_FILE, command_of, python_of
from search.text import counted

if TYPE_CHECKING:
    from app_parts.search.question import Question
    from app_parts.search.searching import SearchResult, SearchSettings
    from app_parts.shared_index import SharedIndex


def select_key(picture_id: int) -> str:
    """Key of the checkbox of a hit."""
    return f"select-{picture_id}"


def show_selection(opened: SharedIndex, question: Question, result: SearchResult, settings: SearchSettings) -> None:
    """Offer to export the selected hits, or all of them, and to copy the search."""
    selected = [hit for hit in result.hits if st.session_state.get(select_key(hit.id))]
    hits = selected or result.hits
    if selected:
        ids = [hit.id for hit in result.hits]
        st.button("Select none", icon=":material/deselect:", type="tertiary", on_click=select_none, args=(ids,))
    title = f"Export {counted(len(selected), 'picture')}" if selected else "Export all"
    with st.popover(title, icon=":material/download:", key="export"):
        st.caption("The selected hits, or all of them if none is selected.")
        names = [part.name for part in question.parts]
        for kind, made, mime in (
            ("CSV", partial(csv_of, hits), "text/csv"),
            ("JSON", partial(json_of, names, hits), "application/json"),
            ("ZIP", partial(archive_of, hits, opened.file), "application/zip"),
        ):
            st.download_button(
                f"{kind} with the pictures" if kind == "ZIP" else kind,
                made,
                f"hits.{kind.lower()}",
                mime,
                key=f"export-{kind}",
                on_click="ignore",
                width="stretch",
            )
        st.caption(f"A ZIP holds up to {MOST_BYTES // 2**20} MiB of pictures.")
    with st.popover("Same search", icon=":material/terminal:", key="same-search"):
        index = opened.service or index_folder() or ""
        if settings.listed:
            st.caption(
                f"This part of the map has {len(settings.listed):,} pictures, which are too many for a filter on the"
                " command line. Download their ids for the Python code:"
            )
            st.download_button(
                IDS_FILE,
                json.dumps(settings.listed),
                IDS_FILE,
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
        elif isinstance(index, str):
            st.caption("On the command line:")
            st.code(command_of(index, question, settings), language=None, wrap_lines=True)
        st.caption("In Python:")
        st.code(python_of(index, question, settings), language=None, wrap_lines=True)
        if question.own_ids:
            st.caption("The pictures of the query itself, which this page leaves out, are among these hits.")
        if question.has_uploads:
            st.caption(
                "Uploaded pictures are named as on your computer: run these where they are. The address of this page"
                " does not hold them either: whoever opens it as a link sees the rest of the search."
            )
        else:
            st.caption("The address of this page is a link to this search.")


def select_none(ids: list[int]) -> None:
    """Clear the selection."""
    for picture_id in ids:
        st.session_state[select_key(picture_id)] = False
