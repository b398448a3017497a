"""Choose what to search with: an uploaded picture, a text, or a picture of the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import Address, change, offer
from app_parts.tiles import literal
from search.encoders.foreign import is_foreign

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.shared_index import SharedIndex
    from search import IndexInfo


def pick(picture_id: int | None) -> None:
    """Search with a picture of the collection, or with none; an upload and a text are discarded."""
    change(picture=None if picture_id is None else str(picture_id), text=None, full=None)
    st.session_state.uploads += 1  # a new key creates a new, empty uploader


def clear_pick() -> None:
    """Clear the picked picture and the text."""
    change(picture=None, text=None)


def use_text() -> None:
    """Search with the text; an upload and the picked picture are discarded."""
    change(picture=None, page=None)
    st.session_state.uploads += 1


def upload_key() -> str:
    """The uploader's key; a new one makes a new, empty uploader."""
    return f"upload-{st.session_state.uploads}"


def offer_upload(place: DeltaGenerator, info: IndexInfo) -> UploadedFile | None:
    """Show the uploader, or explain why no picture can be embedded."""
    if is_foreign(info.fingerprint):
        place.info(
            f"The vectors of this index were made elsewhere, by {literal(info.encoder)}: an uploaded picture cannot be"
            " compared with them. Search with a picture of the collection."
        )
        return None
    return place.file_uploader("Upload or drop a picture", key=upload_key(), on_change=clear_pick)


def offer_text(place: DeltaGenerator, opened: SharedIndex, address: Address) -> str:
    """Show the field for a text if the encoder of the index embeds texts; return the text, empty for none."""
    text = address.values.get("text", "").strip()
    if not opened.embeds_text:
        if text:
            address.complain("text", "in the address needs an index with an encoder open_clip:NAME, and is ignored")
        return ""
    offer("text", text, "")
    place.text_input("Or describe it", key="text", on_change=use_text, placeholder="red bicycle in snow")
    return text
