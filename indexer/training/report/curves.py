"""Draw the history of a run: `curves.png`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.plots.style import BLUE, GREEN, MUTED, ORANGE, RED, SMALL, head, new_figure, plain_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from indexer.training.history import HistoryRow

_WIDTH, _HEIGHT = 1500, 1060
_DOTTED = 40
"""Largest number of rows that are marked with dots on the curves."""


def draw_curves(history: Sequence[HistoryRow], title: str) -> Figure | None:
    """Draw loss, retrieval, active triplets and learning rate over the steps; None for an empty history."""
    if not history:
        return None
    last = history[-1]
    figure = new_figure(_WIDTH, _HEIGHT)
    head(figure, "Course of the training", f"{title} · {last.step:,} steps in {last.minutes:,.1f} minutes")
    loss, retrieval, triplets, rate = figure.subplots(2, 2, sharex=True).ravel()
    figure.subplots_adjust(left=0.065, right=0.93, top=0.84, bottom=0.07, wspace=0.28, hspace=0.24)

    plain_axes(loss, "Loss, mean since the previous point")
    _curve(loss, history, "loss", "loss", BLUE, "-")
    plain_axes(retrieval, "Retrieval on the validation pictures")
    _curve(retrieval, history, "copies_found", "copies found", ORANGE, "--")
    _curve(retrieval, history, "recall_at_1", "R@1", BLUE, "-")
    _curve(retrieval, history, "map_at_r", "mAP@R", GREEN, "-.")
    plain_axes(triplets, "Active triplets and spread, last batch", x="step")
    _curve(triplets, history, "active", "active triplets, share", RED, "-")
    _curve(triplets, history, "spread", "spread of distances", MUTED, "--")
    plain_axes(rate, "Learning rate", x="step")
    _curve(rate, history, "learning_rate", "learning rate", BLUE, "-")
    for axes in (loss, triplets, rate):
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    retrieval.set_ylim(0, 1.02)
    for axes in (retrieval, triplets):
        _legend(axes)
    if not retrieval.lines:
        retrieval.text(0.5, 0.5, "no validation pictures", transform=retrieval.transAxes, ha="center", color=MUTED)
    return figure


def _curve(axes: Axes, history: Sequence[HistoryRow], field: str, name: str, color: str, line: str) -> None:
    """Draw the measured values of a field, and write the last value at the end of the curve."""
    points = [(row.step, getattr(row, field)) for row in history if getattr(row, field) is not None]
    if not points:
        return
    steps, values = zip(*points, strict=True)
    marker = "o" if len(points) <= _DOTTED else ""
    axes.plot(steps, values, line, color=color, label=name, linewidth=1.6, marker=marker, markersize=3.2)
    axes.annotate(
        f"{values[-1]:.3g}",
        (steps[-1], values[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        size=SMALL,
        color=color,
        annotation_clip=False,
    )


def _legend(axes: Axes) -> None:
    if axes.lines:
        axes.legend(loc="best", fontsize=SMALL + 0.5, frameon=True, framealpha=0.9, edgecolor="none", handlelength=2.6)
