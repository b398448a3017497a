"""The card that shows what is searched with, and lets the visitor change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.search.cropping import show_cropping
from app_parts.search.picking import pick, remove, reset_rated, turn, unrate, use_crop, weigh
from app_parts.search.picture import full_link
from app_parts.search.question import MOST_WEIGHT
from app_parts.search.searching import copies_text
from app_parts.thumbnails import TILE
from app_parts.tiles import Tile, file_tile, ground, plain, show_tile, tile
from search import PictureError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from app_parts.search.question import Part, Question
    from app_parts.search.searching import SearchResult
    from app_parts.shared_index import SharedIndex

TILE_WIDTH = 132


def show_question(opened: SharedIndex, question: Question, result: SearchResult | None) -> None:
    """Show what is searched with and, once there is a result, how long it took."""
    with st.container(border=True, key="question", gap="small"):
        if len(question.parts) == 1 and not question.without:
            show_one(question, result)
        else:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                with st.container(width="stretch", gap=None):
                    show_heading(question, result)
                show_ways()
            show_several(question)
        if question.liked or question.disliked:
            show_rated(opened, question)


def show_heading(question: Question, result: SearchResult | None) -> None:
    """Say what is searched with and, once there is a result, how long it took."""
    st.header(_heading(question), anchor=False)
    if result is not None:
        st.caption(" · ".join(f"{step} {1000 * took:.1f} ms" for step, took in result.seconds.items()))


def _heading(question: Question) -> str:
    if len(question.parts) > 1:
        return "Your query"
    part = question.parts[0]
    return "Your text" if part.text else "Your picture" if part.id is None else f"Picture {part.id}"


def show_ways() -> None:
    """Offer to go back, and to keep what is searched with when more is asked."""
    with st.container(width="content", gap="xsmall"):
        st.button("Back to the collection", icon=":material/arrow_back:", key="back", on_click=pick, args=(None,))
        st.toggle(
            "Add to this search", key="adding", help="Pictures and texts that you ask with next are added to this."
        )


def show_one(question: Question, result: SearchResult | None) -> None:
    """Show a single picture with its facts, of which a part can be chosen, or a text."""
    part, cropping = question.parts[0], question.whole is not None and st.session_state.get("cropping")
    shown = None if part.text else part_tile(part)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if shown is not None and not cropping:
            with st.container(width=TILE_WIDTH):
                show_tile(shown, part.name, "Query", link=None if part.id is None else full_link(part.id))
        with st.container(width="stretch", gap="xsmall"):
            show_heading(question, result)
            st.text(plain(part.name))
            if shown is not None:
                st.text(" · ".join(map(plain, facts_of(part, question, result))))
                show_crop_buttons(question, shown)
        show_ways()
    if cropping:
        show_cropping(part, question.crop)


def show_crop_buttons(question: Question, shown: Tile) -> None:
    """Offer to search by a part of the picture, or by all of it again."""
    cropping = st.session_state.get("cropping")
    with st.container(horizontal=True, gap="small"):
        if cropping:
            st.button("Hide the picture", icon=":material/check:", key="crop-done", on_click=open_crop, args=(False,))
        elif shown.data is not None:
            st.button("Search by a part", icon=":material/crop:", key="crop", on_click=open_crop, args=(True,))
        if question.crop is not None:
            st.button("Whole picture", icon=":material/fullscreen:", key="uncrop", on_click=use_crop, args=(None,))


def open_crop(opened: bool) -> None:
    """Show or hide the picture to drag a box on."""
    st.session_state.cropping = opened


def show_several(question: Question) -> None:
    """Show each part with its weight, then the counterexamples."""
    with st.grid(columns=6, min_column_width=150) as grid:
        for part in question.parts:
            with grid.cell(), st.container(gap="xxsmall"):
                show_part(part, question, unlike=False)
        for part in question.without:
            with grid.cell(), st.container(gap="xxsmall"):
                show_part(part, question, unlike=True)


def show_part(part: Part, question: Question, *, unlike: bool) -> None:
    """Show one example or counterexample, with what can be done about it."""
    if part.text:
        st.text(f"“{plain(part.text)}”")
    else:
        alt = "Counterexample" if unlike else "Query"
        show_tile(part_tile(part), part.name, alt, link=None if part.id is None else full_link(part.id))
    if unlike:
        st.caption(":material/block: not like this")
    elif len(question.parts) > 1:
        key = f"weight-{part.key}"
        st.session_state[key] = part.weight
        st.slider("Weight", 0.1, MOST_WEIGHT, step=0.1, key=key, on_change=weigh, args=(part, question, key))
    if unlike or len(question.parts) > 1:
        with st.container(horizontal=True, gap="small"):
            if not part.text:
                name, key = "Like this" if unlike else "Not like this", f"turn-{part.key}"
                st.button(name, key=key, type="tertiary", on_click=turn, args=(part, question))
            st.button("Remove", key=f"remove-{part.key}", type="tertiary", on_click=remove, args=(part, question))


def show_rated(opened: SharedIndex, question: Question) -> None:
    """Show the hits that the visitor said to be right or wrong; they are no hits any more."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="rated"):
        for name, icon, ids in (
            ("More like this", ":material/thumb_up:", question.liked),
            ("Less like this", ":material/thumb_down:", question.disliked),
        ):
            for picture_id in ids:
                record = opened.engine.picture(picture_id)
                with st.container(width=76, gap="xxsmall"):
                    show_tile(file_tile(opened.file(record)), record.path, name, link=full_link(picture_id))
                    key, asked = f"unrate-{picture_id}", (picture_id, question)
                    st.button("Undo", icon=icon, key=key, type="tertiary", help=name, on_click=unrate, args=asked)
        st.button("Reset", icon=":material/undo:", key="reset-rated", on_click=reset_rated)


def facts_of(part: Part, question: Question, result: SearchResult | None) -> list[str]:
    """Where a picture is from, its size, and the part of it that is searched with."""
    crop = [] if question.crop is None else [f"part {question.crop}"]
    if part.record is not None:
        record, copies = part.record, copies_text(0 if result is None else result.copies)
        size = f"{record.width} × {record.height} pixels"
        return [record.label or "no label", f"picture {record.id}", size, *([copies] if copies else []), *crop]
    kept: dict[str, tuple[int, int] | None] = st.session_state.setdefault("sizes", {})
    if part.key not in kept:
        part_tile(part)
    size_of = kept.get(part.key)
    return ["uploaded", *([f"{size_of[0]} × {size_of[1]} pixels"] if size_of else []), *crop]


def part_tile(part: Part) -> Tile:
    """The thumbnail of a part; that of a picture of the visitor is made once and kept with the session."""
    if part.file is not None:
        return file_tile(part.file)
    tiles: dict[str, Tile] = st.session_state.setdefault("tiles", {})
    key = f"{part.key} {ground()}"
    if key not in tiles:
        sizes = st.session_state.setdefault("sizes", {})
        try:
            image = load_picture(part.picture, target=TILE)
            sizes[part.key] = image.info["full_size"]
            tiles[key] = tile(image, ground())
        except PictureError as error:
            tiles[key] = Tile(None, problem=error.reason)
    return tiles[key]
