"""The curves of runs, several in one chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import streamlit as st

from app_parts.tiles import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.training.run_records import RunRecord

METRICS = {
    "map_at_r": "mAP@R on the validation pictures",
    "recall_at_1": "R@1 on the validation pictures",
    "loss": "Loss, mean since the previous point",
    "copies_found": "Altered pictures whose original is nearest",
    "active": "Active triplets, share of the last batch",
    "spread": "Spread of the distances of the last batch",
    "learning_rate": "Learning rate",
}
"""Column of the history -> its name on the page."""
AXES = {"step": "Step", "minutes": "Minutes"}
COLOURS = {
    "light": ("#1d6b66", "#b9721c", "#7a4fa3", "#a83232", "#31639c", "#5b5b5b"),
    "dark": ("#5fc0b4", "#e0a55f", "#b891dd", "#e27d7d", "#7fb0e6", "#b5b5b5"),
}
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))
_DOTTED = 60
"""Number of points up to which they are marked."""


def show_curves(runs: Sequence[RunRecord], metric: str, axis: str) -> None:
    """Draw one metric of several runs over steps or minutes; runs differ in colour and dashes."""
    names = [plain(run.name) for run in runs]
    rows = [
        {"run": name, "at": getattr(row, axis), "value": getattr(row, metric)}
        for name, run in zip(names, runs, strict=True)
        for row in run.history
        if getattr(row, metric) is not None
    ]
    if not rows:
        st.info("None of these runs has measured this yet. Validation figures need labelled validation pictures.")
        return
    colours = COLOURS.get(st.context.theme.type or "light", COLOURS["light"])
    scale = alt.Scale(domain=names, range=[colours[place % len(colours)] for place in range(len(names))])
    dashes = alt.Scale(
        domain=names, range=[list(DASHES[place // len(colours) % len(DASHES)]) for place in range(len(names))]
    )
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=len(rows) <= _DOTTED, strokeWidth=2)
        .encode(
            x=alt.X("at:Q", title=AXES[axis], axis=alt.Axis(tickMinStep=1 if axis == "step" else 0.1, tickCount=10)),
            y=alt.Y("value:Q", title=METRICS[metric], scale=alt.Scale(zero=False)),
            color=alt.Color("run:N", title="Run", scale=scale, legend=alt.Legend(orient="top", columns=2)),
            strokeDash=alt.StrokeDash("run:N", scale=dashes, legend=None),
            tooltip=[
                alt.Tooltip("run:N", title="run"),
                alt.Tooltip("at:Q", title=AXES[axis].lower()),
                alt.Tooltip("value:Q", title="value", format=".4g"),
            ],
        )
    )
    st.altair_chart(chart, height=340, alt=f"{METRICS[metric]} of {', '.join(names)} over {AXES[axis].lower()}")
