"""Draw the figures of the one-shot experiment: our errors and published ones, and the mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.one_shot_trials import answered
from indexer.plots.style import (
    BLUE,
    DPI,
    GREEN,
    INK,
    MUTED,
    OTHER,
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
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from experiments.one_shot_trials import Trials
    from search.types import Floats

_COLUMNS, _MOST = 4, 16
_BELOW = 58
_TILE, _GAP, _LEFT, _TOP = 96, 14, 40, 150


def draw_errors(named: Sequence[tuple[str, float]], seeds: NDArray[np.float64]) -> Figure:
    """Draw bars of errors in [0, 1], ours last with one dot per seed."""
    figure = new_figure(1300, 560)
    head(
        figure,
        "20-way one-shot recognition within an alphabet",
        "share of wrong answers in the 400 trials of Lake et al.",
    )
    axes = figure.subplots()
    figure.subplots_adjust(left=0.31, right=0.95, top=0.8, bottom=0.13)
    plain_axes(axes, "", x="error in per cent")
    places = np.arange(len(named))[::-1]
    errors = [100 * error for _, error in named]
    axes.barh(places, errors, height=0.6, color=[OTHER] * (len(named) - 1) + [BLUE])
    axes.plot(100 * seeds, np.zeros(len(seeds)), "o", color=INK, markersize=4, label="one seed")
    for place, error in zip(places, errors, strict=True):
        axes.annotate(f"{error:.1f}", (error, place), (6, 8), textcoords="offset points", size=SMALL + 1, color=INK)
    axes.set_yticks(places, [name for name, _ in named])
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right", fontsize=SMALL + 1, frameon=False)
    return figure


def draw_mistakes(paths: Sequence[Path], trials: Trials, vectors: Sequence[Floats], wrong: NDArray[np.bool_]) -> Figure:
    """Draw probe, chosen and right reference for the first seed's mistakes, with the number of seeds that err."""
    columns = answered(vectors[0], trials)
    missed = np.flatnonzero(wrong[0])[:_MOST]
    rows = max(1, -(-len(missed) // _COLUMNS))
    width = 2 * _LEFT + _COLUMNS * (3 * (_TILE + 4) + _GAP * 2)
    figure, axes = new_page(width, _TOP + rows * (_TILE + _BELOW) + 20)
    count = int(wrong[0].sum())
    about = f"{count} of {len(trials.probes)} trials" + (
        f", the first {len(missed)} of them" if len(missed) < count else ""
    )
    head(figure, "Mistakes of the first seed", about, left=_LEFT)
    for number, trial in enumerate(missed):
        row, column = divmod(number, _COLUMNS)
        x, y = _LEFT + column * (3 * (_TILE + 4) + _GAP * 2), _TOP + row * (_TILE + _BELOW)
        right, taken = trials.references[trial, trials.answers[trial]], trials.references[trial, columns[trial]]
        shown = ((trials.probes[trial], "probe", MUTED), (taken, "taken", RED), (right, "right", GREEN))
        for place, (picture, text, color) in enumerate(shown):
            left = x + place * (_TILE + 4)
            pixels = np.asarray(load_picture(paths[picture]))
            axes.imshow(pixels, extent=(left, left + _TILE, y + _TILE, y), interpolation="antialiased", aspect="auto")
            axes.plot([left, left + _TILE], [y + _TILE + 3] * 2, color=color, linewidth=2)
            write(axes, left, y - 6, text, size=SMALL, color=color)
        write(axes, x, y + _TILE + 20, f"missed by {int(wrong[:, trial].sum())} of {len(wrong)} seeds", size=SMALL)
    axes.set_xlim(0, width)
    axes.set_ylim(figure.get_size_inches()[1] * DPI, 0)
    return figure
