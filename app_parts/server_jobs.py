"""The jobs of the app's server."""

from __future__ import annotations

import streamlit as st

from indexer.jobs.registry import Jobs


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The jobs of this server, which all sessions share."""
    return Jobs()
