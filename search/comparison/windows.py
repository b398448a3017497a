"""Means over windows of a plane, and the blur that precedes them; `(H, W) float32` in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

CELL = 4
"""Side of a cell in pixels."""
_WEIGHTS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def binomial(plane: Plane) -> Plane:
    """Blur by the binomial kernel of width five, nearly a Gaussian of one pixel; the edge is repeated."""
    height, width = plane.shape
    padded = np.pad(plane, ((2, 2), (0, 0)), mode="edge")
    rows = _weighted([padded[at : at + height] for at in range(5)])
    padded = np.pad(rows, ((0, 0), (2, 2)), mode="edge")
    return _weighted([padded[:, at : at + width] for at in range(5)])


def cells(plane: Plane) -> Plane:
    """Mean of each 4 x 4 cell; incomplete cells are padded by repeating the edge."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % CELL), (0, -width % CELL)), mode="edge")
    means: Plane = padded.reshape(padded.shape[0] // CELL, CELL, padded.shape[1] // CELL, CELL).mean(axis=(1, 3))
    return means


def moving_mean(plane: Plane, side: int) -> Plane:
    """Mean of every window of `side` x `side`, or of the entire plane if it is smaller."""
    high, wide = min(side, plane.shape[0]), min(side, plane.shape[1])
    count = plane.shape[0] - high + 1
    rows = _sum([plane[at : at + count] for at in range(high)])
    count = plane.shape[1] - wide + 1
    return _sum([rows[:, at : at + count] for at in range(wide)]) / np.float32(high * wide)


def _weighted(shifted: list[Plane]) -> Plane:
    total = shifted[0] * np.float32(_WEIGHTS[0])
    for part, weight in zip(shifted[1:], _WEIGHTS[1:], strict=True):
        total += part * np.float32(weight)
    return total


def _sum(parts: list[Plane]) -> Plane:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
