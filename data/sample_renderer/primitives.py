"""The solids that all others are made of; centred on the origin, upright where they have an axis."""

from __future__ import annotations

import numpy as np

from .arrays import Floats, Points, column, dot
from .solid import Solid, union


def length(points: Points) -> Floats:
    """Distances from the origin."""
    return np.sqrt(dot(points, points))


def sphere(radius: float) -> Solid:
    """Exact."""
    return Solid(lambda p: length(p) - radius)


def ellipsoid(x: float, y: float, z: float) -> Solid:
    """Half axes; the distance is first-order, exact on the surface."""
    radii = column(x, y, z)

    def distance(p: Points) -> Floats:
        scaled = p / radii
        k0, k1 = length(scaled), length(scaled / radii)
        return k0 * (k0 - 1.0) / np.maximum(k1, 1e-6)

    return Solid(distance)


def box(x: float, y: float, z: float, edge: float = 0.02) -> Solid:
    """Half sizes, `edge` the radius of its rounded edges, which lie inside the sizes."""
    half = column(x - edge, y - edge, z - edge)

    def distance(p: Points) -> Floats:
        q = np.abs(p) - half
        inside = np.minimum(np.max(q, axis=0), 0.0)
        return length(np.maximum(q, 0.0)) + inside - edge

    return Solid(distance)


def cylinder(radius: float, half: float, edge: float = 0.01) -> Solid:
    """Upright, `half` its half height, `edge` the radius of its rims."""

    def distance(p: Points) -> Floats:
        side = np.hypot(p[0], p[2]) - (radius - edge)
        end = np.abs(p[1]) - (half - edge)
        outside = np.hypot(np.maximum(side, 0.0), np.maximum(end, 0.0))
        return outside + np.minimum(np.maximum(side, end), 0.0) - edge

    return Solid(distance)


def torus(major: float, minor: float) -> Solid:
    """Lying flat: its axis is y."""
    return Solid(lambda p: np.hypot(np.hypot(p[0], p[2]) - major, p[1]) - minor)


def half_space(x: float, y: float, z: float, offset: float) -> Solid:
    """All points whose product with the unit normal (x, y, z) is below `offset`: made to cut with."""
    norm = float(np.sqrt(x * x + y * y + z * z))
    return Solid(lambda p: (p[0] * x + p[1] * y + p[2] * z) / norm - offset)


def rod(
    start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float | None = None
) -> Solid:
    """Capsule from `start` to `end`, radius r0 going to r1; exact where both are equal."""
    a = column(*start)
    axis = column(*end) - a
    squared = float(dot(axis, axis)[0])
    taper = (r0 if r1 is None else r1) - r0

    def distance(p: Points) -> Floats:
        q = p - a
        along = np.clip(dot(q, axis) / squared, 0.0, 1.0)
        return length(q - axis * along) - (r0 + taper * along)

    return Solid(distance)


def curve(points: list[tuple[float, float, float]], pieces: int = 4) -> list[tuple[float, float, float]]:
    """Catmull-Rom spline through the points, `pieces` straight pieces between two of them."""
    knots = np.array([points[0], *points, points[-1]], dtype=np.float64)
    found = []
    for k in range(len(points) - 1):
        a, b, c, d = knots[k : k + 4]
        for t in np.arange(pieces) / pieces:
            found.append(
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    return [tuple(map(float, point)) for point in [*found, knots[-1]]]  # type: ignore[misc]


def tube(points: list[tuple[float, float, float]], radii: list[float], pieces: int = 3) -> Solid:
    """A bent rod through the points; `radii` are spread evenly along it."""
    path = curve(points, pieces)
    widths = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(radii)), radii)
    return union(
        *(rod(a, b, float(r0), float(r1)) for a, b, r0, r1 in zip(path, path[1:], widths, widths[1:], strict=False))
    )
