"""The page of a query: its picture or text, and its neighbours as cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.search.picking import pick
from app_parts.search.picture import full_link
from app_parts.search.searching import copies_text
from app_parts.tiles import file_tile, literal, plain, short, show_tile
from search.query.hits import WEAK
from search.query.nearest_values import NOTHING_SAME

if TYPE_CHECKING:
    from app_parts.search.searching import SearchResult
    from search import Hit

MOST_COPIES = 20
"""Maximum number of copies of one hit that are listed."""
SHOWN_VALUES = 4
"""Number of metadata columns on a card; further ones are collapsed."""


def show_neighbours(result: SearchResult, among: int, *, same_only: bool, warning: str | None = None) -> None:
    """Show the query with its facts, a warning about its answer, and its neighbours among `among` pictures."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        if result.tile is not None:
            with st.container(width=140):
                show_tile(result.tile, result.name, "Query", link=None if result.id is None else full_link(result.id))
        with st.container(width="stretch", gap="xsmall"):
            st.header("Your text" if result.tile is None else "Your picture", anchor=False)
            st.text(plain(result.name))
            st.text(" · ".join(map(plain, result.facts)))
            st.caption(" · ".join(f"{step} {1000 * took:.1f} ms" for step, took in result.seconds.items()))
        st.button("Back to the collection", icon=":material/arrow_back:", on_click=pick, args=(None,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.header("Neighbours", anchor=False, width="content")
        if result.hits:
            st.caption(
                f"{len(result.hits)} of {among:,} pictures, the nearest at distance {result.hits[0].distance:.4f}"
            )
        else:
            st.caption(NOTHING_SAME if same_only else "no other picture matches the filters")
    if warning is not None:
        st.caption(literal(warning))
    if result.weak:
        st.info(WEAK)
    with st.grid(columns=5, min_column_width=140) as grid:
        for rank, hit in enumerate(result.hits, 1):
            with grid.cell(), st.container(gap="xxsmall"):
                show_hit(rank, hit)


def show_hit(rank: int, hit: Hit) -> None:
    """Show a hit as a card."""
    show_tile(file_tile(hit.path), hit.path, f"Neighbour {rank}", link=full_link(hit.id))
    st.text(f"{rank}. {plain(hit.label or hit.path.name)}")
    chance = "" if hit.probability is None else f"  \nprobability {hit.probability:.3f}"
    word = "" if hit.strength is None else f", {hit.strength}"
    st.caption(f"distance {hit.distance:.4f}{word}  \nsimilarity {hit.similarity:.4f}{chance}")
    if hit.copies:
        with st.popover(copies_text(hit), width="stretch"):
            for copy in hit.copies[:MOST_COPIES]:
                st.text(plain(copy.path))
            if len(hit.copies) > MOST_COPIES:
                st.caption(f"and {len(hit.copies) - MOST_COPIES:,} more")
    st.caption(literal(Path(*hit.path.parts[-2:])))
    show_metadata(hit)
    st.button("Find similar", key=f"from-{hit.id}", on_click=pick, args=(hit.id,), width="stretch")


def show_metadata(hit: Hit) -> None:
    """Show the metadata of a hit, one line per column."""
    metadata = hit.to_dict()["metadata"]
    lines = [
        short(f"{name}: {str(value).lower() if isinstance(value, bool) else value}") for name, value in metadata.items()
    ]
    if lines:
        st.text("\n".join(lines[:SHOWN_VALUES]))
    if lines[SHOWN_VALUES:]:
        with st.expander(f"{len(lines) - SHOWN_VALUES} more"):
            st.text("\n".join(lines[SHOWN_VALUES:]))
