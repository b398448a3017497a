"""Draw pictures arranged by similarity: `map.png`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.plots.grid import Grid, place_on_grid
from indexer.plots.projection import FEW, project
from indexer.plots.style import INK, OTHER, PAPER, SMALL, TEXT, class_colors, head, new_page, short_names, write
from indexer.plots.tiles import framed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from numpy.typing import NDArray

    from search.types import Floats

MOST = 700
"""Largest number of thumbnails in the map of a run: more would be too small to recognise."""

_SIDE = 1700
"""Approximate longer side of the map in pixels."""
_LARGEST = 110
"""Largest side of a cell in pixels."""
_HEAD, _LEGEND, _MARGIN = 100, 90, 40
_NAMED = 40
"""Largest number of classes that are named on the map if there are too many for colours."""


def draw_map(
    squares: NDArray[np.uint8], vectors: Floats, labels: Sequence[str | None], title: str, seed: int = 0
) -> Figure | None:
    """Draw thumbnails `(N, S, S, 3)` of at most 700 pictures, arranged by their vectors `(N, D)`; None if N is 0."""
    if len(squares) == 0:
        return None
    rows = spread(labels, MOST)
    chosen = [labels[row] for row in rows]
    points = project(vectors[rows], seed=seed)
    shown = f"{len(rows):,}" if len(rows) == len(labels) else f"{len(rows):,} of {len(labels):,}"
    about = f"{title} · {shown} pictures, {classes_text(labels)} · {layout_text(vectors.shape[1], len(rows))}"
    return map_figure(squares[rows], place_on_grid(points), chosen, "Map of the pictures", about)


def map_figure(squares: NDArray[np.uint8], grid: Grid, labels: Sequence[str | None], title: str, about: str) -> Figure:
    """Draw thumbnails in the cells of a grid, with frames coloured by class if the classes are few enough."""
    colors, names = class_colors(labels), short_names(labels)
    cell = max(24, min(_LARGEST, _SIDE // max(grid.columns, grid.rows)))
    width, height = max(900, grid.columns * cell + 2 * _MARGIN), grid.rows * cell
    top = _HEAD + (_LEGEND if colors else 0)
    left = (width - grid.columns * cell) // 2
    figure, axes = new_page(width, top + height + _MARGIN)
    head(figure, title, about)
    canvas = np.full((height, grid.columns * cell, 3), 255, dtype=np.uint8)
    for square, (column, row), label in zip(squares, grid.cells, labels, strict=True):
        tile = framed(square, cell - 2, colors.get(label or "", OTHER if colors else PAPER), cell // 14 + 1)
        canvas[row * cell + 1 : (row + 1) * cell - 1, column * cell + 1 : (column + 1) * cell - 1] = tile
    axes.imshow(canvas, extent=(left, left + canvas.shape[1], top + height, top), interpolation="nearest")
    if colors:
        _legend(axes, colors, names, width)
    elif 1 < len(names) <= _NAMED:
        corners = grid.cells * cell + np.array([left + cell / 2, top + cell / 2])
        _write_names(axes, corners, labels, names)
    return figure


def spread(labels: Sequence[str | None], most: int) -> NDArray[np.int64]:
    """Rows of at most `most` pictures, ascending, at even steps through the pictures sorted by class."""
    by_class = np.argsort(np.array([label or "" for label in labels]), kind="stable")
    places = np.linspace(0, len(labels) - 1, min(most, len(labels))).astype(np.int64)
    return np.sort(by_class[places])


def layout_text(dim: int, count: int) -> str:
    """Describe how `project` lays out `count` vectors of `dim` dimensions."""
    if dim <= 2:
        return f"the embedding itself ({dim} dimension{'s' if dim > 1 else ''})"
    return f"{'UMAP' if count > FEW else 'PCA'} of {dim} dimensions, moved onto a grid"


def classes_text(labels: Sequence[str | None]) -> str:
    """Describe the number of classes."""
    count = len({label for label in labels if label is not None})
    return f"{count:,} class{'' if count == 1 else 'es'}" if count else "no labels"


def _legend(axes: Axes, colors: dict[str, str], names: dict[str, str], width: int) -> None:
    columns = 5
    step = (width - 2 * _MARGIN) / columns
    for number, (label, color) in enumerate(colors.items()):
        x, y = _MARGIN + number % columns * step, _HEAD + 12 + number // columns * 36
        axes.add_patch(_swatch(x, y, color))
        write(axes, x + 34, y, names[label], va="center")


def _swatch(x: float, y: float, color: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y - 10), 22, 20, facecolor=color)


def _write_names(axes: Axes, corners: NDArray[np.float64], labels: Sequence[str | None], names: dict[str, str]) -> None:
    """Write the name of each class over the median position of its pictures."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": PAPER, "edgecolor": OTHER, "alpha": 0.88, "linewidth": 0.6}
    of = np.array([label or "" for label in labels])
    for label, name in names.items():
        x, y = np.median(corners[of == label], axis=0)
        write(
            axes, x, y, name, size=SMALL if len(names) > TEXT else TEXT, color=INK, ha="center", va="center", bbox=box
        )
