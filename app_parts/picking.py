"""Choose the picture to search with: an upload, or one of the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.tiles import literal
from search.encoders.foreign import is_foreign

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from search import IndexInfo


def pick(picture_id: int | None) -> None:
    """Search with a picture of the collection, or with none; an upload is discarded."""
    change(picture=None if picture_id is None else str(picture_id), full=None)
    st.session_state.uploads += 1  # a new key creates a new, empty uploader


def clear_pick() -> None:
    """Clear the picked picture."""
    change(picture=None)


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
