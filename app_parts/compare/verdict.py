"""What the distance of two pictures means: by the calibration of the index, or in a word."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.remedies import show_command
from app_parts.tiles import literal, plain
from search.recognition.calibration import verify_vectors

if TYPE_CHECKING:
    from app_parts.compare.sides import Side
    from app_parts.shared_index import SharedIndex
    from search.recognition.calibration import Verification


def show_verdict(opened: SharedIndex, a: Side, b: Side, threshold: float | None) -> Verification:
    """Show the decision at a threshold, by default that of the calibration, and the figures; return them."""
    calibration = opened.calibration
    result = verify_vectors(a.vector, b.vector[None], calibration)
    at = result.threshold if threshold is None else threshold
    st.header(_decision(result, at), anchor=False)
    if result.probability is not None:
        st.progress(
            min(1.0, max(0.0, result.probability)), text=f"Probability of the same thing: {result.probability:.4f}"
        )
    facts = {"Distance": f"{result.distance:.4f}", "Similarity": f"{1 - result.distance**2 / 2:.4f}"}
    if at is not None:
        facts["Threshold"] = f"{at:.4f}"
    elif opened.cut_points is not None:
        facts["In a word"] = opened.cut_points.strengths([result.distance])[0]
    with st.grid(columns=3, min_column_width=90) as grid:
        for name, value in facts.items():
            with grid.cell(), st.container(gap=None):
                st.caption(name)
                st.text(value)
    if result.prior is not None:
        st.caption(f"The probability assumes that {result.prior:.3g} of all pairs show the same thing.")
    if calibration is not None and calibration.weak:
        st.warning(literal(calibration.warning))
    elif result.cautions:
        st.caption(literal(f"caution: {'; '.join(result.cautions)}"))
    return result


def show_how_to_calibrate(opened: SharedIndex) -> None:
    """Explain what a calibration adds, and how to get one."""
    st.info(
        "This index is not calibrated, so a distance has no probability, and there is no threshold to decide by. "
        "Calibrate it with labelled pictures, or with pairs that are known to be the same or different:"
    )
    show_command(opened, f"twinlens calibrate {shlex.quote(plain(opened.info.path))}")


def _decision(result: Verification, threshold: float | None) -> str:
    if threshold is None:
        return "How similar they look"
    decision = "The same thing" if result.distance <= threshold else "Different things"
    return f"{decision}, by the threshold alone: this calibration is weak" if result.weak else decision
