"""The page of one picture of the collection at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.menu import link
from app_parts.search.picking import pick
from app_parts.tiles import file_tile, plain, short, show_full_tile

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex
    from search.store.records import PictureRecord


def full_link(picture_id: int) -> str:
    """The address of the page that shows one picture of the collection in full."""
    return link("search", {"full": picture_id})


def show_picture(opened: SharedIndex, record: PictureRecord) -> None:
    """Show one picture of the collection at full size."""
    st.header(short(record.path.name), anchor=False)
    size = f"{record.width} × {record.height} pixels"
    st.text(" · ".join([f"picture {record.id}", plain(record.label or "no label"), size]))
    st.text(plain(record.path))
    show_full_tile(file_tile(opened.file(record), full=True), record.path)
    with st.container(horizontal=True):
        st.button("Find similar", icon=":material/search:", on_click=pick, args=(record.id,))
        st.button("Back to the collection", icon=":material/arrow_back:", key="back", on_click=pick, args=(None,))
