"""A picture from the visitor: uploaded, or taken with the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def offer_picture(title: str, key: str) -> UploadedFile | None:
    """Show an uploader and, if the visitor wants, the camera; the camera's picture comes first."""
    camera = st.toggle("Use the camera", key=f"{key}-camera")
    if camera:
        return st.camera_input(title, key=f"{key}-photo")
    return st.file_uploader(title, key=f"{key}-upload")
