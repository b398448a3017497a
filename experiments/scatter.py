"""Draw points of a plane, coloured by class, with the name of each class at its median."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.plots.style import CLASS_COLORS, DPI, INK, PAPER, SMALL, TEXT, plain_axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.runs import Embedded

MOST = 3000
"""Largest number of points: more would overlap, and make the file large."""


def draw_points(axes: Axes, of: Embedded, names: Sequence[str], title: str, *, seed: int = 0) -> None:
    """Draw a sample of points `(N, 2)` into axes; both axes have the same scale, because distances were learned."""
    shown = np.random.default_rng(seed).permutation(len(of.labels))[:MOST]
    points, labels = of.vectors[shown], of.labels[shown]
    plain_axes(axes, title)
    axes.scatter(points[:, 0], points[:, 1], s=3, c=[CLASS_COLORS[label] for label in labels], linewidths=0)
    axes.set_aspect("equal", adjustable="datalim")
    for number, name in enumerate(names):
        members = points[labels == number]
        if len(members):
            x, y = np.median(members, axis=0)
            shape = "circle,pad=0.15" if len(name) == 1 else "round,pad=0.2"
            box = {"boxstyle": shape, "facecolor": PAPER, "edgecolor": CLASS_COLORS[number], "linewidth": 1.2}
            size = TEXT if len(name) == 1 else SMALL
            axes.text(x, y, name, size=size, color=INK, weight="bold", ha="center", va="center", bbox=box)
    axes.tick_params(labelsize=SMALL)


def save_small(figure: Figure, path: Path) -> Path:
    """Write a PNG of at most 128 colours, a third of the usual size; the same figure gives the same bytes."""
    from PIL import Image

    figure.savefig(path, format="png", dpi=DPI, facecolor=PAPER, metadata={"Software": None})
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path
