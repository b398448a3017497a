"""Array shapes of the renderer: coordinates first, so that x, y and z are contiguous."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
"""One number a point, `(N,)`."""

Points: TypeAlias = NDArray[np.float32]
"""Positions or directions, `(3, N)`; y is up."""

Colours: TypeAlias = NDArray[np.float32]
"""Linear light, `(3, N)`."""

Pattern: TypeAlias = Callable[[Points], Colours]
"""A colour for every point of space, in the coordinates of the solid that wears it."""


def smoothstep(low: float, high: float, values: Floats) -> Floats:
    """Cubic ramp from 0 at `low` to 1 at `high`."""
    ramp = np.clip((values - low) / (high - low), 0.0, 1.0)
    return ramp * ramp * (3.0 - 2.0 * ramp)


def dot(left: Points, right: Points) -> Floats:
    """Scalar products of columns; no BLAS, whose result may depend on the number of threads."""
    return left[0] * right[0] + left[1] * right[1] + left[2] * right[2]


def unit(points: Points) -> Points:
    """Columns divided by their length."""
    return points / np.maximum(np.sqrt(dot(points, points)), 1e-9)


def column(x: float, y: float, z: float) -> Points:
    """One point, `(3, 1)`, that broadcasts over many."""
    return np.array([[x], [y], [z]], dtype=np.float32)


def mix(left: Colours, right: Colours, weight: Floats) -> Colours:
    """`left` where the weight is 0, `right` where it is 1."""
    return left + (right - left) * weight
