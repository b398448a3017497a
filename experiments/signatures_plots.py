"""Draw the figures of the signature experiment: DET curves, and histograms of distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.error_rates import ErrorRates
from indexer.plots.style import BLUE, GREEN, ORANGE, RED, SMALL, head, new_figure, plain_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from indexer.calibration.pairs import MeasuredPairs

_COLORS = (BLUE, ORANGE, GREEN, RED)
_TICKS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


def draw_det(pairs: Mapping[str, Mapping[str, MeasuredPairs]], named: Mapping[str, str]) -> Figure:
    """Draw FRR over FAR on normal-deviate axes, with one panel per kind of forgery and one line per loss.

    Source: Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.
    """
    from scipy.stats import norm

    figure = new_figure(1500, 820)
    head(
        figure,
        "Errors of verification on writers never seen",
        "false rejects over false accepts; nearer the lower left is better",
    )
    panels = figure.subplots(1, len(named), sharey=True)
    figure.subplots_adjust(left=0.075, right=0.975, top=0.8, bottom=0.1, wspace=0.08)
    ends = norm.ppf([_TICKS[0], _TICKS[-1]])
    for axes, (kind, title) in zip(np.atleast_1d(panels), named.items(), strict=True):
        plain_axes(axes, f"against {title}", x="false-accept rate", y="false-reject rate" if kind == "random" else "")
        for color, (loss, kinds) in zip(_COLORS, pairs.items(), strict=False):
            curves = ErrorRates(kinds[kind]).curves()
            assert curves is not None, "both kinds of pairs are there"
            far, frr = (np.clip(each, 1e-5, 1 - 1e-5) for each in (curves.far, curves.frr))
            axes.plot(norm.ppf(far), norm.ppf(frr), color=color, linewidth=1.6, label=f"{loss}, EER {curves.eer:.2%}")
        axes.plot(ends, ends, color="#b8c0c8", linewidth=0.8, linestyle=":")
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        axes.set_xticks(norm.ppf(_TICKS), [f"{100 * tick:g} %" for tick in _TICKS])
        axes.set_yticks(norm.ppf(_TICKS), [f"{100 * tick:g} %" for tick in _TICKS])
        axes.legend(loc="lower left", fontsize=SMALL + 1, frameon=False)
    return figure


def draw_histograms(kinds: Mapping[str, MeasuredPairs], loss: str, named: Mapping[str, str]) -> Figure:
    """Draw densities of the distances of genuine pairs and of each kind of forgery."""
    figure = new_figure(1300, 640)
    head(figure, "Distances on writers never seen", f"loss {loss}, first seed")
    axes = figure.subplots()
    figure.subplots_adjust(left=0.07, right=0.965, top=0.8, bottom=0.13)
    plain_axes(axes, "", x="Euclidean distance between unit vectors", y="density")
    edges = np.linspace(0.0, max(float(each.distances.max()) for each in kinds.values()), 61)
    first = next(iter(kinds.values()))
    shown = [("genuine", first.distances[first.same])]
    shown += [(named[kind], pairs.distances[~pairs.same]) for kind, pairs in kinds.items()]
    for color, (name, distances) in zip((BLUE, GREEN, ORANGE), shown, strict=True):
        density = np.histogram(distances, edges, density=True)[0]
        axes.stairs(density, edges, fill=True, color=color, alpha=0.3)
        axes.stairs(density, edges, color=color, linewidth=1.5, label=f"{name}: {len(distances):,} pairs")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=SMALL + 1, frameon=False)
    return figure
