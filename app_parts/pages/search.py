"""Search: ask with a picture or a text, and see the nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.frame import framed
from app_parts.search.collection import show_collection
from app_parts.search.neighbours import show_neighbours
from app_parts.search.picking import offer_text, offer_upload, upload_key
from app_parts.search.picture import show_picture
from app_parts.search.searching import run_search
from app_parts.search.settings import show_settings
from app_parts.tiles import literal
from search import QueryError, TwinlensError

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.store.records import PictureRecord


def show(opened: SharedIndex, address: Address) -> None:
    """Show what the address selects: a picture in full, the neighbours of one, or the collection."""
    st.session_state.setdefault("uploads", 0)
    head, drop = st.columns([2, 3], vertical_alignment="center", gap="large")
    head.title("Twinlens", anchor=False)
    head.markdown(f"Which of {opened.info.images:,} pictures look most like yours?")
    full = known_picture(opened, address, "full")
    label = address.label("label", opened.labels)
    with st.sidebar:
        settings = show_settings(opened, address, label)
    if full is not None:
        show_picture(full)
        return
    picked = known_picture(opened, address, "picture")
    if (picked is not None or "text" in address.values) and st.session_state.get(upload_key()) is not None:
        st.session_state.uploads += 1  # an upload clears these, so the visitor went back to the address
    upload = offer_upload(drop, opened.info)
    text = offer_text(drop, opened, address)
    if settings is None:
        return
    try:
        with st.spinner("Searching …"):
            result = run_search(opened.engine, upload, text, None if picked is None else picked.id, settings)
    except TwinlensError as error:
        st.error(literal(error), title="The search failed")
        result = None
    if result is None:
        show_collection(opened, settings.options["where"], address, label)
    else:
        calibration = opened.engine.calibration
        show_neighbours(
            result,
            len(opened.ids(settings.options["where"])),
            same_only=settings.options["same_only"],
            warning=calibration.warning if calibration is not None and calibration.weak else None,
        )


def known_picture(opened: SharedIndex, address: Address, name: str) -> PictureRecord | None:
    """The picture that a parameter of the address names; None if it names none."""
    picture_id = address.picture(name)
    if picture_id is None:
        return None
    try:
        return opened.engine.picture(picture_id)
    except QueryError:
        address.complain(name, "in the address is not a picture of this index: it may have been removed")
        return None


if __name__ == "__main__":
    framed("search", show)
