"""Draw the distances of same and different pairs: `distances.png`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.plots.style import BLUE, INK, ORANGE, RED, SMALL, head, new_figure, plain_axes
from indexer.training.report.separation import pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from search.types import Floats

_WIDTH, _HEIGHT = 1300, 820


def draw_distances(vectors: Floats, labels: Sequence[str], title: str, seed: int = 0) -> Figure | None:
    """Draw histograms of both kinds, with overlap, AUC and equal error rate; None unless both kinds have pairs.

    The formulas are those of `indexer.training.report.separation`.
    """
    measured = pairs(vectors, labels, seed)
    if measured is None:
        return None
    same, different, edges = measured.histograms()
    rate, threshold = measured.equal_error()
    figure = new_figure(_WIDTH, _HEIGHT)
    head(
        figure,
        "Distances of same and different pairs",
        f"{title} · {len(labels):,} pictures, "
        f"{len(set(labels)):,} classes · {len(measured.same):,} same and {len(measured.different):,} different pairs",
    )
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.965, top=0.85, bottom=0.1)
    plain_axes(axes, "", x="Euclidean distance between unit vectors", y="density")
    axes.stairs(different, edges, fill=True, color=ORANGE, alpha=0.45)
    axes.stairs(same, edges, fill=True, color=BLUE, alpha=0.45)
    axes.stairs(different, edges, color=ORANGE, linewidth=1.6, linestyle="--", label="different classes")
    axes.stairs(same, edges, color=BLUE, linewidth=1.6, label="same class")
    axes.stairs(
        np.minimum(same, different),
        edges,
        fill=True,
        facecolor="none",
        edgecolor=INK,
        linewidth=0,
        hatch="////",
        alpha=0.35,
        label=f"overlap {measured.overlap:.3f}",
    )
    axes.axvline(
        threshold, color=RED, linewidth=1.4, linestyle=":", label=f"EER {rate:.3f} at distance {threshold:.3f}"
    )
    axes.plot([], [], " ", label=f"AUC {measured.auc:.3f}")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(loc="upper left", fontsize=SMALL + 1, frameon=True, framealpha=0.9, edgecolor="none")
    return figure
