"""Draw queries and their nearest neighbours: `gallery.png`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.plots.style import GREEN, INK, MUTED, OTHER, PAPER, RED, SMALL, head, new_page, short_names, write
from indexer.plots.tiles import thumbnail
from indexer.training.report.neighbors import Neighbors, even_queries, nearest_others, worst_mistakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from search.types import Floats

_NEIGHBORS = 8
_EVEN, _WORST = 6, 4
_TILE, _GAP = 128, 24
_ROW = _TILE + 46
_LEFT, _HEAD, _SECTION = 40, 100, 56
_NAME = 215
"""Width in pixels of the class name beside a query."""


def draw_gallery(
    squares: NDArray[np.uint8], vectors: Floats, labels: Sequence[str], title: str, seed: int = 0
) -> Figure | None:
    """Draw 6 queries evenly over the classes and the 4 most confident mistakes; None for fewer than two pictures.

    A neighbour of the query's class has a solid green frame and a tick, any other a dashed red frame and a cross. If
    no two pictures share a class, neighbours have neither.
    """
    if len(squares) < 2:
        return None
    neighbors = nearest_others(vectors, _NEIGHBORS)
    judged = len(set(labels)) < len(labels)
    sections = [("Queries drawn evenly over the classes", even_queries(labels, _EVEN, seed))]
    if mistakes := worst_mistakes(neighbors, labels, _WORST):
        sections.append(("Most confident mistakes: the nearest neighbour is of another class, and very near", mistakes))
    drawn = sum(len(queries) for _, queries in sections)
    width = _LEFT + _NAME + _TILE + 40 + _NEIGHBORS * (_TILE + _GAP) + 16
    figure, axes = new_page(width, _HEAD + len(sections) * _SECTION + drawn * _ROW + 10)
    head(
        figure,
        "Queries and their nearest neighbours",
        f"{title} · {len(labels):,} pictures, "
        f"{len(set(labels)):,} classes, each picture a query among all others · distances are Euclidean",
    )
    names, y = short_names(labels), _HEAD
    for heading, queries in sections:
        write(axes, _LEFT, y + 22, heading, weight="bold", va="center")
        y += _SECTION
        for row in queries:
            _draw_row(axes, y, row, squares, labels, neighbors, names, judged=judged)
            y += _ROW
    return figure


def _draw_row(
    axes: Axes,
    y: int,
    row: int,
    squares: NDArray[np.uint8],
    labels: Sequence[str],
    neighbors: Neighbors,
    names: dict[str, str],
    *,
    judged: bool,
) -> None:
    x = _LEFT + _NAME
    write(axes, x - 16, y + _TILE / 2, names[labels[row]], ha="right", va="center")
    _tile(axes, x, y, squares[row], INK, "-")
    x += _TILE + 40
    for other, distance in zip(neighbors.rows[row].tolist(), neighbors.distances[row].tolist(), strict=True):
        right = labels[other] == labels[row]
        color, line = (GREEN, "-") if right else (RED, (0, (3, 1.6)))
        _tile(axes, x, y, squares[other], color if judged else OTHER, line if judged else "-")
        if judged:
            _badge(axes, x + _TILE - 3, y + 3, right=right)
        text = f"{distance:.3f}" if right or not judged else f"{distance:.3f}  {names[labels[other]]}"
        write(axes, x, y + _TILE + 10, _truncated(text), size=SMALL, color=MUTED, va="top")
        x += _TILE + _GAP


def _tile(axes: Axes, x: int, y: int, square: NDArray[np.uint8], color: str, line: object) -> None:
    from matplotlib.patches import Rectangle

    inner = 6
    axes.imshow(
        thumbnail(square, _TILE - 2 * inner),
        interpolation="nearest",
        extent=(x + inner, x + _TILE - inner, y + _TILE - inner, y + inner),
    )
    axes.add_patch(
        Rectangle((x + 2, y + 2), _TILE - 4, _TILE - 4, fill=False, edgecolor=color, linewidth=2, linestyle=line)
    )


def _badge(axes: Axes, x: float, y: float, *, right: bool) -> None:
    """Draw a tick or a cross in the upper right corner of a tile."""
    color = GREEN if right else RED
    axes.plot([x], [y], marker="o", markersize=9.5, markerfacecolor=color, markeredgecolor=PAPER, markeredgewidth=1)
    strokes = [((-4.5, -1, 5), (0, 4, -4))] if right else [((-4, 4), (-4, 4)), ((-4, 4), (4, -4))]
    for across, down in strokes:
        axes.plot(
            [x + each for each in across],
            [y + each for each in down],
            color=PAPER,
            linewidth=1.3,
            solid_capstyle="round",
        )


def _truncated(text: str) -> str:
    most = int((_TILE + _GAP) / (SMALL * 1.2))
    return text if len(text) <= most else text[: most - 1] + "…"
