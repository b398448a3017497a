"""The heat maps of the page Compare, which its visitor asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, offer
from app_parts.explaining import Explained, show_heat_maps

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.compare.sides import Side
    from app_parts.shared_index import SharedIndex


def offer_why(address: Address) -> None:
    """Let the visitor ask for the heat maps, which take seconds."""
    offer("why", address.switch("why", False), False)
    st.toggle(
        "Why similar",
        key="why",
        on_change=change,
        help="Hides one part of each picture after the other, and shows where the similarity falls. Takes seconds.",
    )


def show_why(opened: SharedIndex, a: Side, b: Side) -> None:
    """Show the heat maps of both pictures."""
    st.header("Why similar", anchor=False)
    first, second = (Explained(side.key, side.name, side.picture) for side in (a, b))
    show_heat_maps(opened, first, second, ("first picture", "second picture"))
