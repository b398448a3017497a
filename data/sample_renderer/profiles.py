"""Solids from a drawn outline: turned on a lathe, or sawn from a board.

The outline's distance is worked out once on a grid and looked up afterwards, so a long spline costs no more than a
short one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats, Points
from .primitives import curve
from .solid import Solid

Outline = list[tuple[float, float]]

CELLS = 200
"""Grid cells along the longer side of an outline."""


def polygon_distance(x: Floats, y: Floats, corners: NDArray[np.float64]) -> Floats:
    """Signed distance `(N,)` to a closed polygon `(M, 2)`: nearest edge, sign by the even-odd rule."""
    nearest = np.full(x.shape, np.inf, dtype=np.float64)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        squared = ex * ex + ey * ey
        if squared == 0.0:
            continue
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / squared, 0.0, 1.0)
        nearest = np.minimum(nearest, (x - ax - ex * along) ** 2 + (y - ay - ey * along) ** 2)
        if ey != 0.0:
            inside ^= ((ay > y) != (by > y)) & (x < ax + ex * (y - ay) / ey)
    return np.where(inside, -np.sqrt(nearest), np.sqrt(nearest)).astype(np.float32)


@dataclass(frozen=True)
class DistanceGrid:
    """Distances on a regular grid, read with bilinear interpolation."""

    left: float
    bottom: float
    cell: float
    values: Floats

    @classmethod
    def of(cls, corners: NDArray[np.float64], *, from_axis: bool) -> DistanceGrid:
        """Cover the polygon with a margin; `from_axis` leaves out the half with negative x."""
        low, high = corners.min(axis=0), corners.max(axis=0)
        cell = float((high - low).max()) / CELLS
        low, high = low - 6 * cell, high + 6 * cell
        if from_axis:
            low[0] = -cell
        counts = np.ceil((high - low) / cell).astype(int) + 1
        x = low[0] + cell * np.arange(counts[0])
        y = low[1] + cell * np.arange(counts[1])
        grid_x, grid_y = np.meshgrid(x, y)
        return cls(float(low[0]), float(low[1]), cell, polygon_distance(grid_x, grid_y, corners))

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Distance at each point; outside the grid a lower bound from the nearest point of its border."""
        rows, columns = self.values.shape
        u = (x - self.left) / self.cell
        v = (y - self.bottom) / self.cell
        cu = np.clip(u, 0.0, columns - 1.001)
        cv = np.clip(v, 0.0, rows - 1.001)
        i, j = cu.astype(np.int32), cv.astype(np.int32)
        fu, fv = cu - i, cv - j
        flat, base = self.values.ravel(), j * columns + i
        below = flat[base] * (1 - fu) + flat[base + 1] * fu
        above = flat[base + columns] * (1 - fu) + flat[base + columns + 1] * fu
        inner = below * (1 - fv) + above * fv
        away = np.hypot(u - cu, v - cv) * self.cell
        # The grid's rectangle is convex, so the two legs meet at an obtuse angle: Pythagoras gives a lower bound.
        return np.where(away > 0, np.hypot(away, inner), inner).astype(np.float32)


def spline(outline: Outline, pieces: int) -> Outline:
    """Smooth curve through an open outline."""
    return [(x, y) for x, y, _ in curve([(x, y, 0.0) for x, y in outline], pieces)]


def lathe(outline: Outline, *, smooth: int = 6) -> Solid:
    """Turned about y; the outline lists (radius, height) from axis to axis, anticlockwise (bottom first).

    A vessel goes up its outer wall and down its inner one. `smooth` is the number of pieces between two points of the
    spline through them; 1 keeps the corners.
    """
    half = spline(outline, smooth) if smooth > 1 else outline
    # The mirror image closes the polygon, so that the axis is no edge of it.
    corners = np.array([*half, *[(-x, y) for x, y in reversed(half)]], dtype=np.float64)
    grid = DistanceGrid.of(corners, from_axis=True)
    return Solid(lambda p: grid(np.hypot(p[0], p[2]), p[1]))


def board(outline: Outline, half: float, *, smooth: int = 1, edge: float = 0.02) -> Solid:
    """Sawn in the x-y plane, `half` as thick in +z and -z, edges rounded by `edge`."""
    closed = [*outline, outline[0]]
    corners = np.array(spline(closed, smooth) if smooth > 1 else outline, dtype=np.float64)
    grid = DistanceGrid.of(corners, from_axis=False)

    def distance(p: Points) -> Floats:
        side = grid(p[0], p[1]) + edge
        end = np.abs(p[2]) - (half - edge)
        outside = np.hypot(np.maximum(side, 0.0), np.maximum(end, 0.0))
        return outside + np.minimum(np.maximum(side, end), 0.0) - edge

    return Solid(distance)
