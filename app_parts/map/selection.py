"""Which points a lasso or a box holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.types import Floats, Mask

MOST_CORNERS = 2000
Corner = tuple[float, float]


def corners_of(value: object) -> list[Corner] | None:
    """The corners of a polygon that a browser sent; None for none, or for anything else."""
    if not isinstance(value, list) or not 3 <= len(value) <= MOST_CORNERS:
        return None
    corners: list[Corner] = []
    for each in value:
        if not (isinstance(each, list) and len(each) == 2 and all(map(_is_number, each))):
            return None
        corners.append((float(each[0]), float(each[1])))
    return corners


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6 and math.isfinite(value)


def inside(corners: Sequence[Corner], points: Floats) -> Mask:
    """Which of the points `(N, 2)` lie in a polygon, `(N,) bool`, by the even-odd rule.

    A point is inside if a ray from it to the right crosses an odd number of sides. `points.js` marks the same points
    with the same operations on the same numbers.
    """
    sides = np.array(corners, dtype=np.float64)
    low, high = sides.min(axis=0), sides.max(axis=0)
    within = np.zeros(len(points), dtype=np.bool_)
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    x, y = points[near].astype(np.float64).T
    crossed = np.zeros(len(near), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(np.roll(sides, 1, axis=0).tolist(), sides.tolist(), strict=True):
        if y1 != y2:
            crossed ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    within[near] = crossed
    return within
