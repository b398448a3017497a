"""Move points onto the cells of a grid, so that their thumbnails do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats

MOST = 2000
"""Largest number of points; it takes seconds. Time and memory grow at least with its square."""

_FILLED = 0.4
"""Share of the cells that get a point: a smaller share keeps the shape better, but makes the thumbnails smaller."""
_ASPECT = 1.5
"""Largest ratio of the sides of a grid."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Positions of N points on a grid."""

    columns: int
    rows: int
    cells: NDArray[np.int64]
    """`(N, 2)`, column and row of each point, from the upper left; no two points share a cell."""


def place_on_grid(points: Floats) -> Grid:
    """Assign each of the points `(N, 2)` its own cell, with the smallest sum of squared moves.

    Solved exactly as an assignment problem. Both axes have the same scale; the second points up.
    Source: Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on Aerospace and
    Electronic Systems 52, 2016, as in scipy.

    Raises:
        ValueError: more than `MOST` points.
    """
    from scipy.optimize import linear_sum_assignment

    if len(points) > MOST:
        raise ValueError(f"{len(points)} points are too many to place on a grid: the limit is {MOST}")
    if len(points) == 0:
        return Grid(1, 1, np.empty((0, 2), dtype=np.int64))
    flipped = points.astype(np.float64) * (1, -1)
    low, extent = flipped.min(axis=0), np.ptp(flipped, axis=0)
    aspect = float(np.clip((extent[0] + 1e-9) / (extent[1] + 1e-9), 1 / _ASPECT, _ASPECT))
    columns = int(np.ceil(np.sqrt(len(points) / _FILLED * aspect)))
    rows = int(np.ceil(len(points) / _FILLED / columns))
    room = np.array([columns - 1, rows - 1], dtype=np.float64)
    scale = float(np.min(room / np.maximum(extent, 1e-9)))
    targets = (flipped - low) * scale + (room - extent * scale) / 2
    cells = np.stack([np.tile(np.arange(columns), rows), np.repeat(np.arange(rows), columns)], axis=1)
    moves = ((targets[:, None, :] - cells[None, :, :]) ** 2).sum(axis=2)
    taken: NDArray[np.int64] = linear_sum_assignment(moves)[1]
    return Grid(columns, rows, cells[taken])
