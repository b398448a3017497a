"""Draw the distances of both kinds of pairs with the probability map, and the reliability of the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.report.curves import legend
from indexer.plots.style import BLUE, GREEN, MUTED, ORANGE, RED, SMALL, head, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from indexer.calibration.measure import Measured

_BINS = 80


def draw_distances(measured: Measured, about: str) -> Figure:
    """Draw histograms of same and different pairs, with the calibrated probability of each distance."""
    calibration, pairs = measured.calibration, measured.pairs
    figure = new_figure(1300, 820)
    head(
        figure,
        "Distances of same and different pairs",
        f"{about} · {calibration.same_pairs:,} same and {calibration.different_pairs:,} different pairs",
    )
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.93, top=0.82, bottom=0.1)
    plain_axes(axes, "", x="Euclidean distance between unit vectors", y="density")
    edges = np.linspace(pairs.distances.min(), pairs.distances.max() + 1e-9, _BINS + 1)
    for same, color, style, name in ((False, ORANGE, "--", "different"), (True, BLUE, "-", "same")):
        heights = np.histogram(pairs.distances[pairs.same == same], edges, density=True)[0]
        axes.stairs(heights, edges, fill=True, color=color, alpha=0.4)
        axes.stairs(heights, edges, color=color, linewidth=1.6, linestyle=style, label=name)
    chosen = calibration.threshold
    axes.axvline(chosen, color=RED, linewidth=1.4, linestyle=":", label=f"threshold {chosen:.4f} ({calibration.rule})")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    right = axes.twinx()
    places = np.linspace(edges[0], edges[-1], 400)
    right.plot(places, calibration.probability(places), color=GREEN, linewidth=1.8)
    axes.plot(
        [], [], color=GREEN, linewidth=1.8, label=f"probability of a same pair, prior {calibration.answer_prior:.2g}"
    )
    right.set_ylim(0, 1.02)
    right.set_ylabel("probability", size=SMALL + 1.5, color=MUTED)
    right.tick_params(labelsize=SMALL + 0.5, colors=MUTED, length=3)
    right.spines[:].set_visible(False)
    legend(axes, "lower left", above=True)
    return figure


def draw_reliability(measured: Measured, about: str) -> Figure:
    """Draw the share of same pairs over their probability from maps fitted on other subjects, and a histogram."""
    calibration, bins = measured.calibration, measured.reliability
    figure = new_figure(1000, 1020)
    head(figure, "Reliability of the probabilities on subjects not fitted on", about)
    axes, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1], "hspace": 0.12})
    figure.subplots_adjust(left=0.105, right=0.955, top=0.88, bottom=0.085)
    plain_axes(axes, "", y="share of same pairs")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="perfectly calibrated")
    filled = bins.mass > 0
    axes.plot(
        bins.predicted[filled],
        bins.true[filled],
        "o-",
        color=BLUE,
        linewidth=1.6,
        markersize=5,
        label=f"expected calibration error {calibration.ece}",
    )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.02, 1.02)
    legend(axes, "upper left")
    plain_axes(below, "", x=f"probability, with {calibration.prior:.2g} of the pairs the same", y="share of pairs")
    edges = np.linspace(0, 1, len(bins.mass) + 1)
    below.stairs(bins.mass, edges, fill=True, color=BLUE, alpha=0.45)
    return figure
