"""Which index the app shows: the one that it was started with, or one that was made in it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app_parts.arguments import arguments
from search.store.catalog import has_catalog


class Chosen:
    """The index that was made in an app which had none; the same for all sessions of the server."""

    index: str | None = None


@st.cache_resource(show_spinner=False)
def chosen() -> Chosen:
    """The choice of this server."""
    return Chosen()


def index_folder() -> str | None:
    """The index of `--index` if it exists, else one that was made here, else the missing one; None without any."""
    given, made = arguments().index, chosen().index
    return given if made is None or (given is not None and has_catalog(Path(given))) else made
