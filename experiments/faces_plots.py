"""Draw the figures of the faces experiment: identification with strangers, and the mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.plots.style import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    RED,
    SMALL,
    head,
    new_figure,
    new_page,
    plain_axes,
    write,
)
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from experiments.faces_findings import Findings, Judged

_COLUMNS, _MOST = 6, 12
_WIDTH, _HEIGHT, _GAP, _LEFT, _TOP = 60, 74, 22, 40, 140


def draw_open_set(encoders: Mapping[str, Judged]) -> Figure:
    """Draw identified people over accepted strangers, with one reference each and a dot at the threshold."""
    figure = new_figure(1300, 760)
    head(
        figure,
        "Identification with strangers",
        "10 of 20 people enrolled with one reference each; a dot marks the calibrated threshold",
    )
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.965, top=0.82, bottom=0.11)
    plain_axes(axes, "", x="share of strangers accepted", y="share of enrolled people identified")
    for color, (name, judged) in zip((BLUE, ORANGE, GREEN), encoders.items(), strict=False):
        of = judged.open_set[1]
        thresholds = np.quantile(np.concatenate([of.known_distances, of.stranger_distances]), np.linspace(0, 1, 200))
        accepted = [of.strangers_accepted(each) for each in thresholds]
        axes.plot(accepted, [of.identified(each) for each in thresholds], color=color, linewidth=1.8, label=name)
        chosen = judged.calibration.threshold
        axes.plot([of.strangers_accepted(chosen)], [of.identified(chosen)], "o", color=color, markersize=7)
    axes.set_xlim(-0.005, 0.5)
    axes.set_ylim(0, 1.01)
    axes.legend(loc="lower right", fontsize=SMALL + 1, frameon=False)
    return figure


def draw_mistakes(found: Findings, judged: Judged) -> Figure:
    """Draw probe, nearest reference and right reference of some mistakes, with everyone's first picture enrolled."""
    references = np.flatnonzero(found.shots == 0)
    nearest = references[(judged.vectors @ judged.vectors[references].T).argmax(axis=1)]
    missed = np.flatnonzero((found.people[nearest] != found.people) & (found.shots != 0))
    shown = missed[np.linspace(0, len(missed) - 1, min(_MOST, len(missed))).astype(np.int64)] if len(missed) else missed
    step = 3 * (_WIDTH + 3) + _GAP
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure, axes = new_page(2 * _LEFT + _COLUMNS * step, _TOP + rows * (_HEIGHT + 40))
    about = (
        f"{len(missed)} of {int((found.shots != 0).sum())} probes, first picture of everybody enrolled; {judged.name}"
    )
    head(figure, "Mistakes", about, left=_LEFT)
    limits = axes.get_xlim(), axes.get_ylim()
    for number, row in enumerate(shown):
        line, column = divmod(number, _COLUMNS)
        x, y = _LEFT + column * step, _TOP + line * (_HEIGHT + 40)
        right = references[found.people[references] == found.people[row]][0]
        for place, (picture, text, color) in enumerate(
            ((row, "probe", MUTED), (nearest[row], "taken", RED), (right, "right", GREEN))
        ):
            left = x + place * (_WIDTH + 3)
            pixels = np.asarray(load_picture(found.paths[picture]))
            axes.imshow(
                pixels, extent=(left, left + _WIDTH, y + _HEIGHT, y), interpolation="antialiased", aspect="auto"
            )
            axes.plot([left, left + _WIDTH], [y + _HEIGHT + 3] * 2, color=color, linewidth=2)
            write(axes, left, y - 6, text, size=SMALL, color=color)
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    return figure
