"""A grid of the collection from which a page lets its visitor pick a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.search.collection import show_pages
from app_parts.search.settings import pick_label
from app_parts.tiles import file_tile, show_tile, start_tiles
from search.filters.language import condition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.query.query import Where

SHOWN = 24
"""Number of pictures per page."""


def show_picker(opened: SharedIndex, address: Address, word: str, on_pick: Callable[[int], None]) -> None:
    """Show a page of the collection; the button below each picture is labelled `word` and calls `on_pick` with its id.

    The address holds the label that the pictures are filtered by, and the page.
    """
    label = address.label("label", opened.labels)
    where: Where = (condition_of({"label": label}) if label else None) or {}
    ids = opened.ids(where)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Pick from the collection", anchor=False, width="stretch")
        pick_label("Show", opened, label, key="picked_label", label_visibility="collapsed", width=220)
    if not ids:
        st.info("The collection has no pictures.")
        return
    grid = st.grid(columns=8, min_column_width=85)
    page = show_pages(-(-len(ids) // SHOWN), where, address)
    shown = opened.pictures(ids[(page - 1) * SHOWN : page * SHOWN])
    start_tiles(map(opened.file, shown))
    for record in shown:
        with grid.cell(), st.container(gap="xxsmall"):
            show_tile(file_tile(opened.file(record)), record.path, "Picture of the collection")
            st.button(
                word, key=f"pick-{record.id}", type="tertiary", on_click=on_pick, args=(record.id,), width="stretch"
            )
