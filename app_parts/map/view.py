"""The page of the map: the plane, how it is coloured, and what a lasso holds."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.address import change, offer
from app_parts.map.chosen import show_chosen
from app_parts.map.colours import NAMED
from app_parts.map.making import offer_making
from app_parts.map.plane import draw_plane, send_thumb
from app_parts.map.selection import corners_of, inside
from app_parts.map.shared_map import CLUSTER, LABEL, shared_map
from app_parts.tiles import file_tile, literal, plain
from search import TwinlensError
from search.query.collection_map import OUTDATED
from search.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app_parts.address import Address
    from app_parts.map.shared_map import SharedMap
    from app_parts.shared_index import SharedIndex

PLANE = "map-plane"
NUMBERS = ("width", "height", "bytes")
"""Built-in columns that say something as a colour."""


def show_map(opened: SharedIndex, address: Address, *, manage: bool) -> None:
    """Show the map of the collection, or how to make one."""
    head, choice = st.columns([3, 1], vertical_alignment="bottom")
    head.title("Map", anchor=False)
    try:
        with st.spinner("Reading the map …"):
            shared = shared_map(opened)
    except TwinlensError as error:
        st.error(literal(error))
        shared = None
    if shared is None:
        st.markdown("Every picture as a point, similar pictures side by side. This index has no map yet.")
        offer_making(opened, manage=manage)
        return
    head.markdown(_summary(shared))
    with choice:
        column = _choose_colour(opened, address)
    _plane(opened, shared, column)
    corners = corners_of(st.session_state.get("map-corners"))
    if corners is not None:
        show_chosen(opened, shared.kept.ids[inside(corners, shared.points)].tolist(), corners, manage=manage)
    else:
        st.caption(
            "Rest on a point, or tap it, to see its picture. Draw around pictures with the lasso, or drag a box, to "
            "list, search, export or label them."
        )
    if shared.kept.outdated:
        st.warning(f"More than {OUTDATED:.0%} of the pictures were added or removed since this map was made.")
        offer_making(opened, manage=manage)


def _summary(shared: SharedMap) -> str:
    placed = int(shared.kept.placed.sum())
    text = f"{counted(len(shared.kept), 'picture')} as points, similar ones side by side."
    return text + (f" {placed:,} came later and are placed by their neighbours." if placed else "")


def _choose_colour(opened: SharedIndex, address: Address) -> str:
    """Let the visitor choose what the colours stand for."""
    first = [LABEL, CLUSTER] if _tells_apart(opened.labels, opened.info.images) else [CLUSTER, LABEL]
    columns = [each for each in first if each != LABEL or opened.labels]
    columns = list(dict.fromkeys([*columns, *opened.columns, *NUMBERS]))
    chosen = address.values.get("by", columns[0])
    if chosen not in columns:
        address.complain("by", "in the address is not a column of this index")
        chosen = columns[0]
    offer("by", chosen, columns[0])
    st.selectbox("Colours", columns, format_func=plain, key="by", on_change=_recolour)
    return chosen


def _tells_apart(labels: Mapping[str, int], images: int) -> bool:
    """Whether the labels that get a colour of their own are those of most pictures."""
    return 2 * sum(heapq.nlargest(len(NAMED["light"]), labels.values())) >= images


def _recolour() -> None:
    change(by=st.session_state.by)


@st.fragment
def _plane(opened: SharedIndex, shared: SharedMap, column: str) -> None:
    """Draw the plane. It runs alone while the pointer moves, and the page with it once the selection changes."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    state = draw_plane(shared.coloured_by(column, theme), PLANE, _selected)
    st.session_state["map-corners"] = state.get("selection")
    if st.session_state.pop("map-selected", False):
        st.rerun()
    _show_hovered(opened, shared, state.get("hovered"))


def _selected() -> None:
    st.session_state["map-selected"] = True


def _show_hovered(opened: SharedIndex, shared: SharedMap, number: Any) -> None:
    """Send the picture of the point under the pointer, if there is one."""
    if not isinstance(number, int) or not 0 <= number < len(shared.kept):
        return
    try:
        record = opened.engine.picture(int(shared.kept.ids[number]))
    except TwinlensError:  # the index was closed meanwhile: the page is about to be drawn anew
        return
    tile = file_tile(opened.file(record))
    name = plain(record.label or record.path.name)
    send_thumb(shared.layout, number, tile, name if tile.data else f"{name}\n{plain(tile.problem)}")
