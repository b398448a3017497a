"""The pages of the collection, to pick a picture from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.search.picking import pick
from app_parts.search.picture import full_link
from app_parts.search.settings import pick_label
from app_parts.tiles import file_tile, show_tile, start_tiles

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.query.query import Where

PAGE = 32
"""Number of pictures of the collection per page."""


def show_collection(opened: SharedIndex, where: Where | None, address: Address, label: str) -> None:
    """Show a page of the pictures that match the filters, to pick from."""
    ids = opened.ids(where)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Or pick from the collection", anchor=False, width="stretch")
        pick_label("Show", opened, label, key="shown", label_visibility="collapsed", width=220)
        if ids:
            st.button("Surprise me", icon=":material/casino:", on_click=pick, args=(random.choice(ids),))
    if not ids:
        st.info("No picture matches the filters." if opened.info.images else "The collection has no pictures.")
        return
    grid = st.grid(columns=8, min_column_width=100, key="collection")
    page = show_pages(-(-len(ids) // PAGE), where, address)
    records = opened.pictures(ids[(page - 1) * PAGE : (page + 1) * PAGE])
    files = [opened.file(record) for record in records]
    start_tiles(files[:PAGE], later=files[PAGE:])
    for record, file in zip(records[:PAGE], files, strict=False):
        with grid.cell(), st.container(gap="xxsmall"):
            show_tile(file_tile(file), record.path, "Picture of the collection", link=full_link(record.id))
            st.button(
                "Search", key=f"pick-{record.id}", type="tertiary", on_click=pick, args=(record.id,), width="stretch"
            )


def show_pages(pages: int, where: Where | None, address: Address) -> int:
    """Show the page numbers of the collection, and return the current page."""
    page, key = address.number("page", 1, pages, 1), f"page-{where!a}"  # another filter gets its own widget
    st.session_state.page_key = key
    if pages > 1:
        if st.session_state.get(key) != page:
            st.session_state[key] = page
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=key, on_change=turn_page, args=(key,))
    return page


def turn_page(key: str) -> None:
    """Put the chosen page into the address.

    A browser that does not show the newest page yet sends the widgets of the previous one, whose page numbers are for
    other pictures.
    """
    if key != st.session_state.page_key:
        change()
        return
    page = st.session_state[key]
    change(page=None if page == 1 else str(page))
