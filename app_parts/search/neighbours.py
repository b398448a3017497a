"""The neighbours of a question as cards, with what the page concludes from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.search.hit_card import show_hit
from app_parts.search.selection import show_selection
from app_parts.search.sureness import by_chance, verdict
from app_parts.tiles import literal, start_tiles
from search.encoders.foreign import is_foreign
from search.query.nearest_values import NOTHING_SAME

if TYPE_CHECKING:
    from app_parts.search.question import Question
    from app_parts.search.searching import SearchResult, SearchSettings
    from app_parts.shared_index import SharedIndex


def show_neighbours(opened: SharedIndex, question: Question, result: SearchResult, settings: SearchSettings) -> None:
    """Show the neighbours of a question, nearest first."""
    calibration, hits = opened.calibration, result.hits
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", width="stretch"):
            st.header("Neighbours", anchor=False, width="content")
            st.caption(summary(opened, result, settings))
        if hits:
            show_selection(opened, question, result, settings)
    if calibration is not None and calibration.weak:
        st.caption(literal(calibration.warning))
    if result.cut_off:
        st.caption("More pictures lie within the greatest distance than are shown.")
    if (said := verdict(hits, calibration, weak=result.weak)) is not None:
        st.info(said)
        if (expected := by_chance(calibration, hits, len(opened.ids(settings.options["where"])))) is not None:
            st.caption(expected)
    embeds = not is_foreign(opened.info.fingerprint)
    start_tiles(map(opened.file, hits))
    with st.grid(columns=5, min_column_width=165, key="hits") as grid:
        for rank, hit in enumerate(hits, 1):
            with grid.cell(), st.container(gap="xxsmall"):
                show_hit(opened, rank, hit, question, embeds=embeds)


def summary(opened: SharedIndex, result: SearchResult, settings: SearchSettings) -> str:
    """The number of hits and the distance of the nearest, or the reason that there are none."""
    if result.hits:
        among = len(opened.ids(settings.options["where"]))
        return f"{len(result.hits)} of {among:,} pictures, the nearest at distance {result.hits[0].distance:.4f}"
    return NOTHING_SAME if settings.options["same_only"] else "no other picture matches the filters"
