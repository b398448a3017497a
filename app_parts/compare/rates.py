"""The distances of pairs of both kinds, as the calibration stores them, and the errors of any threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import altair as alt
import numpy as np
import streamlit as st

from app_parts.address import change, offer
from search.text import counted

if TYPE_CHECKING:
    from app_parts.address import Address
    from search.recognition.calibration import Calibration

STEP = 0.001
"""Distance between two positions of the slider."""
BINS = 80
COLOURS = {"light": ("#1d6b66", "#b9721c"), "dark": ("#5fc0b4", "#e0a55f")}
"""Theme -> colours of same pairs and of different pairs."""
_INK = "#808080"
"""Readable on the backgrounds of both themes."""
_SAME, _DIFFERENT = "same thing", "different things"


class Shares(NamedTuple):
    """Shares of the pairs of both kinds by distance, and the errors at a threshold."""

    edges: list[float]
    same: list[float]
    different: list[float]


def choose_threshold(calibration: Calibration, address: Address) -> float:
    """Let the visitor move the threshold; return its position, which is exactly the calibrated one by default."""
    default = round(calibration.threshold, 3)
    chosen = round(address.decimal("threshold", 0, 2, default), 3)
    offer("threshold", chosen, default)
    st.slider(
        "Threshold: pairs up to this distance count as the same thing",
        0.0,
        2.0,
        step=STEP,
        format="%.3f",
        key="threshold",
        on_change=change,
    )
    if chosen != default:
        st.button(f"Back to the calibrated {calibration.threshold:.4f}", on_click=change, kwargs={"threshold": None})
    return calibration.threshold if chosen == default else chosen


def show_rates(calibration: Calibration, distance: float, threshold: float) -> None:
    """Draw how the distances of both kinds of pairs lie around the threshold, and state its errors."""
    far, frr = calibration.far_at(threshold), calibration.frr_at(threshold)
    accepted, rejected = far * calibration.different_pairs, frr * calibration.same_pairs
    st.markdown(
        f"At a threshold of {threshold:.4f}, {far:.2%} of pairs of different things are accepted as the same (false "
        f"accepts, about {accepted:,.0f} of {counted(calibration.different_pairs, 'pair')}), and {frr:.2%} of pairs of "
        f"the same thing are rejected (false rejects, about {rejected:,.0f} of "
        f"{counted(calibration.same_pairs, 'pair')})."
    )
    st.altair_chart(
        chart(calibration, distance, threshold, st.context.theme.type or "light"),
        height=320,
        alt=f"Distances of pairs of the same and of different things, with the threshold at {threshold:.4f} and this "
        f"pair at {distance:.4f}",
    )


def shares(calibration: Calibration) -> Shares:
    """Share of the pairs of each kind in each of equally wide bins, from the stored rates, which are cumulative.

    Between two knots of the table pairs count as evenly spread, as `Calibration.far_at` has them.
    """
    knots, far, frr = (
        np.array(each) for each in (calibration.rates.distances, calibration.rates.far, calibration.rates.frr)
    )
    inside = np.flatnonzero((far > 0) | (frr < frr[0])), np.flatnonzero((far < far[-1]) | (frr > 0))
    low = float(knots[max(0, inside[0][0] - 1)]) if len(inside[0]) else 0.0
    high = float(knots[min(len(knots) - 1, inside[1][-1] + 1)]) if len(inside[1]) else 2.0
    edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
    accepted, rejected = np.interp(edges, knots, far), np.interp(edges, knots, frr)
    same, different = -np.diff(rejected), np.diff(accepted)
    same[0] += 1 - rejected[0]  # pairs at or below the first edge
    different[0] += accepted[0]
    return Shares(edges.tolist(), same.tolist(), different.tolist())


def chart(calibration: Calibration, distance: float, threshold: float, theme: str) -> alt.LayerChart:
    """Both kinds as steps; the pairs that the threshold takes for the other kind are filled more strongly."""
    edges, same, different = shares(calibration)
    rows = [
        {"from": low, "to": high, "kind": kind, "share": value}
        for kind, values in ((_SAME, same), (_DIFFERENT, different))
        for low, high, value in zip(edges[:-1], edges[1:], values, strict=True)
    ]
    wrong = [part for row in rows for part in _wrong(row, threshold)]
    colour = alt.Color(
        "kind:N",
        title="Pairs of",
        scale=alt.Scale(domain=[_SAME, _DIFFERENT], range=list(COLOURS.get(theme, COLOURS["light"]))),
        legend=alt.Legend(orient="top"),
    )
    span = {
        "x": alt.X("from:Q", title="Distance", scale=alt.Scale(zero=False, nice=False)),
        "x2": "to:Q",
        "y": alt.Y("share:Q", title="Share of the pairs", axis=alt.Axis(format="%")),
    }
    bars = alt.Chart(alt.InlineData(values=rows)).mark_rect(opacity=0.35).encode(**span, color=colour, y2=alt.datum(0))
    errors = (
        alt.Chart(alt.InlineData(values=wrong)).mark_rect(opacity=0.85).encode(**span, color=colour, y2=alt.datum(0))
    )
    middle = (edges[0] + edges[-1]) / 2
    lines = [
        *_line(threshold, "threshold", middle, dash=[], top=22),
        *_line(distance, "these two", middle, dash=[5, 4], top=8),
    ]
    return cast("alt.LayerChart", alt.layer(bars, errors, *lines))


def _wrong(row: dict[str, Any], threshold: float) -> list[dict[str, Any]]:
    """The part of a bin whose pairs are on the wrong side of the threshold."""
    if row["kind"] == _SAME:
        low, high = max(row["from"], threshold), row["to"]
    else:
        low, high = row["from"], min(row["to"], threshold)
    return [{**row, "from": low, "to": high}] if low < high else []


def _line(at: float, name: str, middle: float, *, dash: list[int], top: int) -> list[alt.Chart]:
    """A vertical line with its name beside it, on the side where there is space."""
    base = alt.Chart(alt.InlineData(values=[{"at": at, "name": name}])).encode(x=alt.X("at:Q"))
    beside: dict[str, Any] = {"align": "left", "dx": 5} if at < middle else {"align": "right", "dx": -5}
    return [
        base.mark_rule(strokeWidth=2, strokeDash=dash, color=_INK),
        base.mark_text(**beside, color=_INK, fontWeight="bold").encode(text="name:N", y=alt.value(top)),
    ]
