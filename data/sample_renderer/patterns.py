"""Colours in space: what a thing is painted with, or what it is made of."""

from __future__ import annotations

import numpy as np

from .arrays import Colours, Floats, Pattern, Points, column, dot, mix, smoothstep, unit
from .noise import fractal_noise, lattice_hash, value_noise


def rgb(code: str) -> Colours:
    """`#rrggbb` in sRGB to linear light, `(3, 1)`."""
    encoded = np.array([int(code[k : k + 2], 16) / 255.0 for k in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)[:, None]


def plain(code: str) -> Pattern:
    """One colour."""
    colour = rgb(code)
    return lambda p: np.broadcast_to(colour, p.shape)


def soft_wave(phase: Floats, sharp: float = 0.04) -> Floats:
    """1 in the first half of each period, 0 in the second, with soft edges `sharp` wide; period 1."""
    tooth = np.abs((phase % 1.0) * 2.0 - 1.0)
    return smoothstep(0.5 - sharp, 0.5 + sharp, tooth)


def stripes(first: str, second: str, period: float, normal: tuple[float, float, float] = (0, 1, 0)) -> Pattern:
    """Flat layers across `normal`."""
    a, b, n = rgb(first), rgb(second), unit(column(*normal))
    return lambda p: mix(a, b, soft_wave(dot(p, n) / period))


def gores(codes: list[str], count: int) -> Pattern:
    """Segments around the y axis, as on a beach ball; `count` of them, colours in turn."""
    table = np.concatenate([rgb(code) for code in codes], axis=1)

    def pattern(p: Points) -> Colours:
        turn = np.arctan2(p[2], p[0]) / (2 * np.pi) + 0.5
        return table[:, np.floor(turn * count).astype(np.int32) % len(codes)]

    return pattern


def dots(ground: str, dot_colour: str, around: int, rise: float, radius: float, girth: float) -> Pattern:
    """Staggered round dots on a body of radius `girth` about y: `around` a ring, rings `rise` apart."""
    a, b = rgb(ground), rgb(dot_colour)

    def pattern(p: Points) -> Colours:
        ring = np.floor(p[1] / rise)
        turn = np.arctan2(p[2], p[0]) / (2 * np.pi) * around + 0.5 * (ring % 2)
        across = (turn - np.floor(turn) - 0.5) * (2 * np.pi * girth / around)
        up = p[1] - (ring + 0.5) * rise
        return mix(a, b, 1.0 - smoothstep(radius - 0.012, radius + 0.012, np.hypot(across, up)))

    return pattern


def checks(first: str, second: str, around: int, rise: float) -> Pattern:
    """Chequers on a body about y: `around` fields a ring, each `rise` high."""
    a, b = rgb(first), rgb(second)

    def pattern(p: Points) -> Colours:
        u = soft_wave(np.arctan2(p[2], p[0]) / (2 * np.pi) * (around / 2))
        v = soft_wave(p[1] / (2 * rise))
        return mix(a, b, u + v - 2 * u * v)

    return pattern


def spheres(ground: str, spot: str, centres: list[tuple[float, float, float]], radius: float) -> Pattern:
    """Spots where balls of `radius` about the centres meet the surface."""
    a, b = rgb(ground), rgb(spot)

    def pattern(p: Points) -> Colours:
        nearest = np.full(p.shape[1], np.inf, dtype=np.float32)
        for centre in centres:
            away = p - column(*centre)
            nearest = np.minimum(nearest, dot(away, away))
        return mix(a, b, 1.0 - smoothstep(radius - 0.015, radius + 0.015, np.sqrt(nearest)))

    return pattern


def by_height(stops: list[tuple[float, str]]) -> Pattern:
    """Colours blended between heights; equal colours at two stops make a band."""
    heights = np.array([height for height, _ in stops], dtype=np.float32)
    table = np.concatenate([rgb(code) for _, code in stops], axis=1)
    return lambda p: np.stack([np.interp(p[1], heights, channel).astype(np.float32) for channel in table])


def mottled(first: str, second: str, scale: float = 4.0, contrast: float = 1.0) -> Pattern:
    """Clouds of two colours, `scale` of them a unit of length."""
    a, b = rgb(first), rgb(second)
    return lambda p: mix(a, b, np.clip((fractal_noise(p * scale) - 0.5) * 2.0 * contrast + 0.5, 0.0, 1.0))


def speckled(ground: str, speck: str, scale: float = 25.0, share: float = 0.2) -> Pattern:
    """Small irregular specks that cover about `share` of the surface."""
    a, b = rgb(ground), rgb(speck)
    low = 0.5 + 0.42 * (1.0 - share) - 0.21
    return lambda p: mix(a, b, smoothstep(low, low + 0.06, value_noise(p * scale)))


def wood(light: str, dark: str, axis: str = "y", rings: float = 7.0) -> Pattern:
    """Year rings about a line beside the solid, drawn out along `axis`."""
    a, b, k = rgb(light), rgb(dark), "xyz".index(axis)
    squeeze = column(1.0, 1.0, 1.0)
    squeeze[k] = 0.12

    def pattern(p: Points) -> Colours:
        q = p * squeeze
        wobble = fractal_noise(q * 3.0, 2)
        i, j = [n for n in range(3) if n != k]
        radius = np.hypot(p[i] + 0.37, p[j] * 0.8 + 0.23) + 0.12 * wobble + 0.05 * p[k]
        ring = (radius * rings) % 1.0
        grain = value_noise(q * 45.0)
        return mix(a, b, np.clip(0.75 * ring * ring + 0.35 * grain - 0.08, 0.0, 1.0))

    return pattern


def marble(ground: str, vein: str, scale: float = 2.0) -> Pattern:
    """Thin crooked veins."""
    a, b = rgb(ground), rgb(vein)

    def pattern(p: Points) -> Colours:
        bent = fractal_noise(p * scale * 1.5, 4)
        wave = np.abs(np.sin((p[0] + 0.7 * p[1] + 0.4 * p[2]) * scale * 1.5 + 9.0 * bent))
        return mix(b, a, np.clip(0.25 + np.sqrt(wave) * 0.9, 0.0, 1.0))

    return pattern


def painted(under: Pattern, over: Pattern, where: Pattern | None = None, **bounds: tuple[float, float]) -> Pattern:
    """`over` inside the bounds on x, y and z (each a pair), `under` elsewhere; `where` may weigh it further."""

    def pattern(p: Points) -> Colours:
        weight = np.ones(p.shape[1], dtype=np.float32)
        for axis, (low, high) in bounds.items():
            value = p["xyz".index(axis)]
            weight = (
                weight * smoothstep(low - 0.008, low + 0.008, value) * smoothstep(-high - 0.008, -high + 0.008, -value)
            )
        if where is not None:
            weight = weight * where(p)[0]
        return mix(under(p), over(p), weight)

    return pattern


def shifted(pattern: Pattern, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Pattern:
    """The pattern moved, as `Solid.at` moves a solid."""
    offset = column(x, y, z)
    return lambda p: pattern(p - offset)


def bricks(brick: str, mortar: str, width: float, height: float) -> Pattern:
    """Courses in the x-y plane, each brick a little different."""
    a, b = rgb(brick), rgb(mortar)

    def pattern(p: Points) -> Colours:
        course = np.floor(p[1] / height)
        u = (p[0] + p[2]) / width + 0.5 * (course % 2)
        v = p[1] / height - course
        shade = 0.75 + 0.5 * lattice_hash(
            np.floor(u).astype(np.int32), course.astype(np.int32), np.int32(3) + 0 * course.astype(np.int32)
        )
        joint = np.maximum(
            smoothstep(0.44, 0.48, np.abs(u - np.floor(u) - 0.5)), smoothstep(0.38, 0.45, np.abs(v - 0.5))
        )
        return mix(a * shade, b, joint)

    return pattern


def icosahedron() -> Points:
    """Its 12 corners on the unit sphere, `(3, 12)`."""
    golden = (1 + 5**0.5) / 2
    corners = [
        corner
        for one in (-1.0, 1.0)
        for long in (-golden, golden)
        for corner in ((0.0, one, long), (one, long, 0.0), (long, 0.0, one))
    ]
    return unit(np.array(corners, dtype=np.float32).T)


PENTAGON = 2.26728 / 2.32744
"""Distance of a truncated icosahedron's hexagons from its centre, over that of its pentagons."""


def football(panel: str, patch: str, seam: str) -> Pattern:
    """Twelve pentagons among hexagons: a truncated icosahedron blown up, about the origin."""
    white, black, line = rgb(panel), rgb(patch), rgb(seam)
    corners = icosahedron()
    faces = face_centres(corners)

    def pattern(p: Points) -> Colours:
        q = unit(p)
        corner = np.sort(np.stack([dot(corners[:, k : k + 1], q) for k in range(12)]), axis=0)
        face = np.sort(np.stack([dot(faces[:, k : k + 1], q) for k in range(faces.shape[1])]), axis=0)
        # A ray from the centre leaves the solid through the face with the greatest cosine over distance.
        inside = corner[-1] * np.float32(PENTAGON) - face[-1]
        second = np.maximum(face[-2], corner[-1] * np.float32(PENTAGON))
        hexagon = np.abs(face[-1] - second)
        weight = smoothstep(-0.004, 0.004, inside)
        colour = mix(white, black, weight)
        return mix(line, colour, np.maximum(smoothstep(0.006, 0.014, hexagon), weight))

    return pattern


def face_centres(corners: Points) -> Points:
    """Centres of the 20 faces of the icosahedron, on the unit sphere, `(3, 20)`."""
    count, near = corners.shape[1], 0.4
    found = [
        corners[:, a] + corners[:, b] + corners[:, c]
        for a in range(count)
        for b in range(a + 1, count)
        for c in range(b + 1, count)
        if min(corners[:, a] @ corners[:, b], corners[:, b] @ corners[:, c], corners[:, a] @ corners[:, c]) > near
    ]
    return unit(np.array(found, dtype=np.float32).T)
