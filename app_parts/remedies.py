"""Commands that change an index, where this app only reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.tiles import literal

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex


def show_command(opened: SharedIndex, command: str) -> None:
    """Show a command; one for an index of a service is to be run on the machine of the service."""
    if opened.service is not None:
        st.caption(f"On the machine of the service {literal(opened.service.url)}:")
    st.code(command, language="bash", wrap_lines=True)
