"""Solids as signed distance functions: negative inside, positive outside, never more than the true distance.

Source: J. C. Hart, "Sphere tracing", The Visual Computer 12 (1996), for the idea and most of the formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Points, column

AXES = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}
"""The plane that turns about each axis, in the order that makes positive angles right-handed."""


@dataclass(frozen=True)
class Solid:
    """A distance function `(3, N) -> (N,)`, with the operations that make new solids from old ones."""

    distance: Callable[[Points], Floats]

    def __call__(self, points: Points) -> Floats:
        """Signed distances of points `(3, N)`, negative inside."""
        return self.distance(points)

    def __or__(self, other: Solid) -> Solid:
        return Solid(lambda p: np.minimum(self(p), other(p)))

    def __and__(self, other: Solid) -> Solid:
        return Solid(lambda p: np.maximum(self(p), other(p)))

    def __sub__(self, other: Solid) -> Solid:
        return Solid(lambda p: np.maximum(self(p), -other(p)))

    def melt(self, other: Solid, width: float) -> Solid:
        """Union with a fillet: the seam is rounded over about `width`."""

        def distance(p: Points) -> Floats:
            a, b = self(p), other(p)
            near = np.maximum(width - np.abs(a - b), 0.0) / width
            return np.minimum(a, b) - near * near * (width * 0.25)

        return Solid(distance)

    def carve(self, other: Solid, width: float) -> Solid:
        """Difference with a rounded rim."""

        def distance(p: Points) -> Floats:
            a, b = -self(p), other(p)
            near = np.maximum(width - np.abs(a - b), 0.0) / width
            return -(np.minimum(a, b) - near * near * (width * 0.25))

        return Solid(distance)

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Solid:
        """Moved."""
        offset = column(x, y, z)
        return Solid(lambda p: self(p - offset))

    def turn(self, axis: str, degrees: float) -> Solid:
        """Turned about an axis through the origin, by the right-hand rule."""
        i, j = AXES[axis]
        cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))

        def distance(p: Points) -> Floats:
            q = p.copy()
            q[i] = cos * p[i] + sin * p[j]
            q[j] = cos * p[j] - sin * p[i]
            return self(q)

        return Solid(distance)

    def grow(self, factor: float) -> Solid:
        """Scaled about the origin."""
        return Solid(lambda p: self(p / factor) * factor)

    def stretch(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Solid:
        """Scaled by another factor on each axis; the distance becomes a lower bound."""
        factors, least = column(x, y, z), min(x, y, z)
        return Solid(lambda p: self(p / factors) * least)

    def swell(self, radius: float) -> Solid:
        """Grown outward by `radius`, which rounds every edge."""
        return Solid(lambda p: self(p) - radius)

    def mirror(self, axis: str = "x") -> Solid:
        """The half on the positive side of the axis, and its mirror image."""
        k = "xyz".index(axis)

        def distance(p: Points) -> Floats:
            q = p.copy()
            q[k] = np.abs(p[k])
            return self(q)

        return Solid(distance)

    def around(self, count: int, first: float = 0.0) -> Solid:
        """Copies around the y axis of what lies near the positive x axis, the first at `first` degrees."""
        step = 2.0 * np.pi / count

        def distance(p: Points) -> Floats:
            angle = np.arctan2(p[2], p[0]) - np.float32(np.radians(first))
            angle = angle - step * np.round(angle / step)
            radius = np.hypot(p[0], p[2])
            return self(np.stack([radius * np.cos(angle), p[1], radius * np.sin(angle)]))

        return Solid(distance)

    def slow(self, factor: float) -> Solid:
        """The same surface with shorter steps, for a solid whose formula overstates the distance."""
        return Solid(lambda p: self(p) * factor)

    def rough(self, depth: Callable[[Points], Floats], factor: float = 0.7) -> Solid:
        """Raised by `depth(points)`, with shorter steps because the relief bends the distance."""
        return Solid(lambda p: (self(p) - depth(p)) * factor)


def union(*solids: Solid) -> Solid:
    """All of them as one."""

    def distance(p: Points) -> Floats:
        nearest = solids[0](p)
        for solid in solids[1:]:
            nearest = np.minimum(nearest, solid(p))
        return nearest

    return Solid(distance)


def melted(width: float, *solids: Solid) -> Solid:
    """All of them as one, seams rounded over `width`."""
    whole = solids[0]
    for solid in solids[1:]:
        whole = whole.melt(solid, width)
    return whole
