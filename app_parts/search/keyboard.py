"""Keys for the search page: arrows move between pictures, Enter opens one, `/` goes to the ask box, Escape back."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


@cache
def _component() -> Any:
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    return st.components.v2.component("twinlens.keyboard", js=script, html="<span hidden></span>")


def listen() -> None:
    """Let the page react to keys."""
    _component()(key="keyboard", height=1)
