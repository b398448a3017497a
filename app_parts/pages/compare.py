"""Compare: two pictures side by side, and whether they show the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.compare.rates import choose_threshold, show_rates
from app_parts.compare.sides import LETTERS, offer_side, use
from app_parts.compare.verdict import show_how_to_calibrate, show_verdict
from app_parts.compare.why import offer_why, show_why
from app_parts.frame import framed
from app_parts.picker import show_picker

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex


def show(opened: SharedIndex, address: Address) -> None:
    """Show the two pictures and their comparison; a picker as long as one is missing."""
    st.title("Compare two pictures", anchor=False)
    st.markdown("Do they show the same thing? Upload each, or pick it from the collection.")
    pictures, verdict = st.columns([3, 2], gap="large")
    sides = []
    with pictures, st.grid(columns=2, min_column_width=140) as grid:
        for letter in LETTERS:
            with grid.cell(), st.container(border=True, gap="xsmall"):
                sides.append(offer_side(opened, address, letter))
    a, b = sides
    if a is None or b is None:
        with verdict:
            st.markdown(
                "The distance of their embeddings says how similar two pictures look to the encoder of the index. A "
                "calibration says whether that is near enough for the same thing, and how often that is wrong."
            )
        show_picker(opened, address, "Compare", use)
        return
    calibration = opened.calibration
    threshold = None if calibration is None else choose_threshold(calibration, address)
    with verdict:
        result = show_verdict(opened, a, b, threshold)
        offer_why(address)
    if address.switch("why", False):  # first, so that its progress is in view of who asked for it
        show_why(opened, a, b)
    if calibration is None or threshold is None:
        show_how_to_calibrate(opened)
    else:
        show_rates(calibration, result.distance, threshold)


if __name__ == "__main__":
    framed("compare", show)
