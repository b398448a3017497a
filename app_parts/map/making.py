"""Make the map from the page, where the app may change the index; or say how."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import indexer
from app_parts.remedies import show_command
from app_parts.tiles import literal, plain
from search import TwinlensError

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex


class _Bar:
    """Shows the progress of a stage."""

    def __init__(self) -> None:
        self._bar = st.progress(0.0, "Starting …")
        self._stage, self._total, self._done = "", 0, 0

    def begin(self, stage: str, total: int | None) -> None:
        self._stage, self._total, self._done = stage, total or 0, 0
        self._bar.progress(0.0, f"{stage} …")

    def advance(self, count: int) -> None:
        self._done += count
        if self._total:
            self._bar.progress(min(1.0, self._done / self._total), f"{self._stage}: {self._done:,} of {self._total:,}")


def offer_making(opened: SharedIndex, *, manage: bool) -> None:
    """Offer a button that makes the map, or the command."""
    if manage:
        if st.button("Make the map", icon=":material/scatter_plot:"):
            _make(opened)
        return
    st.markdown("Make it once, which takes some minutes for 100,000 pictures; it is kept with the index:")
    show_command(opened, f"twinlens map {shlex.quote(plain(opened.info.path))} --keep")


def _make(opened: SharedIndex) -> None:
    """Make the map; a visitor who leaves the page meanwhile stops it, and the index stays as it was."""
    try:
        indexer.make_map(Path(opened.info.path), progress=_Bar())
    except TwinlensError as error:
        st.error(literal(error))
        return
    st.rerun()
