"""Draw error rates as curves: ROC, DET, and both rates over the threshold."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.plots.style import BLUE, INK, MUTED, ORANGE, RED, SMALL, head, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from indexer.calibration.measure import Measured

_SQUARE = (1000, 1020)
_WIDE = (1300, 820)
_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999)


def draw_roc(measured: Measured, about: str) -> Figure:
    """Draw true accepts over false accepts, on a logarithmic axis, because small rates matter most."""
    calibration = measured.calibration
    figure, axes = _page(_SQUARE, "ROC: same pairs accepted for each rate of false accepts", about)
    plain_axes(axes, "", x="false-accept rate (FAR)", y="true-accept rate (1 - FRR)")
    least = 1 / calibration.different_pairs
    far, frr = measured.curves.far[measured.knots], measured.curves.frr[measured.knots]
    axes.plot(
        np.maximum(far, least / 2),
        1 - frr,
        color=BLUE,
        linewidth=1.8,
        drawstyle="steps-post",
        label=f"AUC {calibration.auc.value:.4f}",
    )
    axes.plot(np.geomspace(least, 1), np.geomspace(least, 1), color=MUTED, linewidth=1, linestyle=":", label="chance")
    axes.plot([calibration.eer.value], [1 - calibration.eer.value], "o", color=ORANGE, label=f"EER {calibration.eer}")
    _operating_point(axes, measured, least / 2)
    axes.set_xscale("log")
    axes.set_xlim(least / 2, 1)
    axes.set_ylim(0, 1.02)
    legend(axes, "lower right")
    return figure


def draw_det(measured: Measured, about: str) -> Figure:
    """Draw the detection error trade-off on normal-deviate axes, where Gaussian distances give straight lines."""
    calibration = measured.calibration
    figure, axes = _page(_SQUARE, "DET: false rejects for each rate of false accepts", about)
    plain_axes(axes, "", x="false-accept rate (FAR)", y="false-reject rate (FRR)")
    far, frr = measured.curves.far[measured.knots], measured.curves.frr[measured.knots]
    seen = (far > 0) & (far < 1) & (frr > 0) & (frr < 1)
    axes.plot(_deviate(far[seen]), _deviate(frr[seen]), color=BLUE, linewidth=1.8)
    eer = float(_deviate(np.array([calibration.eer.value]))[0])
    axes.plot([eer], [eer], "o", color=ORANGE, label=f"EER {calibration.eer}")
    point = _deviate(np.array([calibration.far.value, calibration.frr.value]))
    axes.plot([point[0]], [point[1]], "s", color=RED, label=f"threshold {calibration.threshold:.4f}")
    low = max(_TICKS[0], 0.5 / max(calibration.different_pairs, calibration.same_pairs))
    ticks = [tick for tick in _TICKS if tick >= low]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(_deviate(np.array(ticks)).tolist(), [f"{100 * tick:g} %" for tick in ticks])
    limits = _deviate(np.array([low, 0.95])).tolist()
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.axline((0, 0), slope=1, color=MUTED, linewidth=1, linestyle=":")
    legend(axes, "upper right")
    return figure


def draw_rates(measured: Measured, about: str) -> Figure:
    """Draw FAR and FRR over the threshold, each with its band over resampled subjects."""
    calibration = measured.calibration
    figure, axes = _page(_WIDE, "Both error rates over the threshold, with 95 % bands by subject", about)
    plain_axes(axes, "", x="threshold, Euclidean distance", y="rate")
    distances = measured.thresholds[measured.knots]
    for rate, band, color, style, name in (
        (measured.curves.far, measured.band.far, ORANGE, "--", "FAR: different pairs accepted"),
        (measured.curves.frr, measured.band.frr, BLUE, "-", "FRR: same pairs rejected"),
    ):
        axes.fill_between(distances, *band, color=color, alpha=0.2, linewidth=0, step="post")
        axes.plot(
            distances,
            rate[measured.knots],
            color=color,
            linewidth=1.6,
            linestyle=style,
            label=name,
            drawstyle="steps-post",
        )
    chosen = calibration.threshold
    axes.axvline(chosen, color=RED, linewidth=1.4, linestyle=":", label=f"threshold {chosen:.4f} ({calibration.rule})")
    for error, color in ((calibration.far, ORANGE), (calibration.frr, BLUE)):
        if error.low is not None and error.high is not None:
            axes.plot(
                [chosen, chosen], [error.low, error.high], color=color, linewidth=5, alpha=0.8, solid_capstyle="butt"
            )
    axes.plot([], [], color=MUTED, linewidth=5, alpha=0.8, label="expected for new subjects")
    axes.set_ylim(0, 1.02)
    axes.margins(x=0.01)
    legend(axes, "center left")
    return figure


def _page(size: tuple[int, int], title: str, about: str) -> tuple[Figure, Axes]:
    figure = new_figure(*size)
    head(figure, title, about)
    axes = figure.subplots()
    height = size[1]
    figure.subplots_adjust(left=105 / size[0], right=1 - 45 / size[0], top=1 - 120 / height, bottom=85 / height)
    return figure, axes


def _operating_point(axes: Axes, measured: Measured, least: float) -> None:
    """Draw the chosen threshold, with the intervals of both rates as a cross."""
    calibration = measured.calibration
    far, frr = calibration.far, calibration.frr
    x, y = max(far.value, least), 1 - frr.value
    axes.plot([x], [y], "s", color=RED, label=f"threshold {calibration.threshold:.4f} ({calibration.rule})")
    if far.low is not None and far.high is not None:
        axes.plot([max(far.low, least), max(far.high, least)], [y, y], color=RED, linewidth=1.4)
    if frr.low is not None and frr.high is not None:
        axes.plot(
            [x, x], [1 - frr.high, 1 - frr.low], color=RED, linewidth=1.4, label="expected for new subjects, 95 %"
        )


def _deviate(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the standard normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(min(max(float(rate), 1e-6), 1 - 1e-6)) for rate in rates])


def legend(axes: Axes, place: Any, *, above: bool = False) -> None:
    """Add a legend to axes; with `above`, in a row above them, for curves that leave no free space."""
    style: dict[str, Any] = {"fontsize": SMALL + 1, "framealpha": 0.9, "edgecolor": "none", "labelcolor": INK}
    if above:
        style |= {"bbox_to_anchor": (-0.01, 1.0), "ncols": 4, "borderaxespad": 0.2}
    axes.legend(loc=place, frameon=True, **style)
