"""One neighbour as a card: how near it is, what it is, and what can be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.menu import link
from app_parts.search.picking import add, avoid, pick, rate
from app_parts.search.picture import full_link
from app_parts.search.searching import copies_text
from app_parts.search.selection import select_key
from app_parts.search.sureness import words_for
from app_parts.search.why_similar import offer_why
from app_parts.tiles import file_tile, literal, plain, short, show_tile

if TYPE_CHECKING:
    from app_parts.search.question import Question
    from app_parts.shared_index import SharedIndex
    from search import Hit

MOST_COPIES = 20
"""Maximum number of copies of one hit that are listed."""
SHOWN_VALUES = 4
"""Number of metadata columns on a card; further ones are collapsed."""


def show_hit(opened: SharedIndex, rank: int, hit: Hit, question: Question, *, embeds: bool) -> None:
    """Show a hit as a card; `embeds` is whether the files of pictures can be searched with."""
    show_tile(file_tile(opened.file(hit)), hit.path, f"Neighbour {rank}", link=full_link(hit.id))
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        with st.container(width="stretch"):
            st.text(f"{rank}. {plain(hit.label or hit.path.name)}")
        st.checkbox(f"Select neighbour {rank}", key=select_key(hit.id), label_visibility="collapsed", width="content")
    show_sureness(hit)
    show_actions(opened, hit, question, embeds=embeds)
    if hit.copies:
        with st.popover(copies_text(len(hit.copies)), width="stretch"):
            for copy in hit.copies[:MOST_COPIES]:
                st.text(plain(copy.path))
            if len(hit.copies) > MOST_COPIES:
                st.caption(f"and {len(hit.copies) - MOST_COPIES:,} more")
    st.caption(literal(Path(*hit.path.parts[-2:])))
    show_metadata(hit)


def show_sureness(hit: Hit) -> None:
    """Show the distance, and as a bar the probability of showing the same thing, if it is known."""
    word = "" if hit.strength is None else f", {hit.strength}"
    measures = f"distance {hit.distance:.4f}{word}  \nsimilarity {hit.similarity:.4f}"
    if hit.probability is not None:
        st.progress(hit.probability, text=words_for(hit.probability))
        measures += f"  \nprobability {hit.probability:.3f}"
    st.caption(measures)


def show_actions(opened: SharedIndex, hit: Hit, question: Question, *, embeds: bool) -> None:
    """Offer to search from here, to say that the hit is right or wrong, and more."""
    with st.container(horizontal=True, gap="xsmall"):
        st.button("Find similar", key=f"from-{hit.id}", on_click=pick, args=(hit.id,), width="stretch")
        if embeds:
            offer_why(opened, question, hit)
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", horizontal_alignment="distribute"):
        for liked, icon, name in ((True, "thumb_up", "More"), (False, "thumb_down", "Less")):
            st.button(
                name,
                icon=f":material/{icon}:",
                key=f"{'like' if liked else 'dislike'}-{hit.id}",
                help=f"{name} like this",
                type="tertiary",
                on_click=rate,
                args=(hit.id, question),
                kwargs={"liked": liked},
            )
        with st.popover("Use", type="tertiary", key=f"use-{hit.id}"):
            if embeds:
                for name, icon, use in (("Add to the query", "add", add), ("Not like this", "block", avoid)):
                    key = f"{'add' if use is add else 'avoid'}-{hit.id}"
                    st.button(name, icon=f":material/{icon}:", key=key, on_click=use, args=(hit.id, question))
            ids = {"a": question.picked, "b": hit.id} if question.picked is not None else {"b": hit.id}
            st.link_button("Compare", link("compare", ids), icon=":material/compare:")
            st.text(plain(hit.path))


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
