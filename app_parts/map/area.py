"""A part of the map in an address: a search among the pictures that a lasso or a box holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.map.selection import corners_of, inside
from app_parts.map.shared_map import shared_map
from search import TwinlensError
from search.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app_parts.address import Address
    from app_parts.map.selection import Corner
    from app_parts.shared_index import SharedIndex


def area_text(corners: Sequence[Corner]) -> str:
    """The corners as an address holds them: `0.5,-0.25 1,0 ...`; the browser sends no more than six decimals."""
    return " ".join(f"{x!r},{y!r}" for x, y in corners)


def corners_in(text: str) -> list[Corner] | None:
    """The corners that a text names; None if it names none."""
    try:
        return corners_of([[float(number) for number in corner.split(",")] for corner in text.split()])
    except ValueError:
        return None


def show_area(opened: SharedIndex, address: Address) -> list[int] | None:
    """Show that only a part of the map is searched, which can be ended; return its ids, None for every picture."""
    if "area" not in address.values:
        return None
    corners = corners_in(address.values["area"])
    try:
        shared = shared_map(opened)
    except TwinlensError:
        shared = None
    if corners is None or shared is None:
        what = "is not a part of the map" if corners is None else "needs a map, and this index has none"
        address.complain("area", f"in the address {what}: all pictures are searched")
        return None
    ids: list[int] = shared.kept.ids[inside(corners, shared.points)].tolist()
    with st.container(border=True):
        st.markdown(f"Only {counted(len(ids), 'picture')} of a part of the map")
        st.button("Search all", key="area-end", icon=":material/close:", on_click=change, kwargs={"area": None})
    return ids


def among(ids: Iterable[int]) -> str:
    """A filter for these ids, ascending: runs as ranges, all others in a list; for none, one that nothing matches."""
    runs: list[list[int]] = []
    for key in ids:
        if runs and runs[-1][1] == key - 1:
            runs[-1][1] = key
        else:
            runs.append([key, key])
    single = [str(key) for low, high in runs if high - low < 2 for key in range(low, high + 1)]
    parts = [f"(id >= {low} and id <= {high})" for low, high in runs if high - low >= 2]
    if single:
        parts.append(f"id in ({', '.join(single)})")
    return " or ".join(parts) or "id = 0"
