"""Rays against one placed thing: where they hit, which way the surface faces, how much light it hides.

Source: J. C. Hart, "Sphere tracing" (1996); soft shadows and ambient occlusion from distances as in A. Evans, "Fast
approximations for global illumination on dynamic scenes", SIGGRAPH courses (2006).
"""

from __future__ import annotations

import numpy as np

from .arrays import Floats, Points, column, unit
from .model import Placed
from .solid import Solid

STEPS = 110
CLOSE = 0.0012
"""A ray has hit when it is this near, in world units; a picture's pixel is about 0.012 wide."""


def box_span(low: Points, high: Points, origins: Points, directions: Points) -> tuple[Floats, Floats]:
    """Where each ray enters and leaves a box; it misses where it leaves before it enters."""
    safe = np.where(np.abs(directions) < 1e-7, np.float32(1e-7), directions)
    first, second = (low - origins) / safe, (high - origins) / safe
    return np.max(np.minimum(first, second), axis=0), np.min(np.maximum(first, second), axis=0)


def march(solid: Solid, origins: Points, directions: Points, start: Floats, stop: Floats, close: float) -> Floats:
    """Distance to the first hit between `start` and `stop`, inf where there is none, `(N,)`."""
    found = np.full(start.shape, np.inf, dtype=np.float32)
    active = np.flatnonzero(start < stop)
    o, d, t, end = origins[:, active], directions[:, active], start[active], stop[active]
    for _ in range(STEPS):
        if active.size == 0:
            break
        gap = solid(o + d * t)
        hit = gap < close
        found[active[hit]] = t[hit]
        t = t + np.maximum(gap, close * 0.5)
        keep = ~hit & (t < end)
        if keep.sum() < 0.85 * keep.size or not keep.any():
            active, o, d, t, end = active[keep], o[:, keep], d[:, keep], t[keep], end[keep]
        else:
            # Cheaper to carry the few finished rays along than to copy all the others.
            end = np.where(hit, np.float32(-1), end)
            if hit.any():
                active, o, d, t, end = active[~hit], o[:, ~hit], d[:, ~hit], t[~hit], end[~hit]
    return found


def hit_distance(placed: Placed, origins: Points, directions: Points, *, clear: bool = False) -> Floats:
    """World distance along each ray to the thing, inf where it is missed."""
    solid = placed.solid(clear=clear)
    if solid is None:
        return np.full(origins.shape[1], np.inf, dtype=np.float32)
    o, d = placed.to_local(origins), placed.inward(directions)
    start, stop = box_span(placed.thing.low, placed.thing.high, o, d)
    found = march(solid, o, d, np.maximum(start, 0.0), stop, CLOSE / placed.scale)
    return (found * placed.scale).astype(np.float32)


def normals(solid: Solid, local: Points, step: float) -> Points:
    """Unit gradients by four samples on a tetrahedron."""
    total = np.zeros_like(local)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        direction = column(*corner)
        total += direction * solid(local + direction * step)
    return unit(total)


def shadow(placed: Placed, origins: Points, toward: Points, softness: float, *, clear: bool = False) -> Floats:
    """Share of a lamp that each point sees past the thing, `(N,)` in [0, 1]; `softness` is the lamp's radius."""
    light = np.ones(origins.shape[1], dtype=np.float32)
    solid = placed.solid(clear=clear)
    if solid is None:
        return light
    o, d = placed.to_local(origins), placed.inward(np.broadcast_to(toward, origins.shape))
    margin = 0.25 / placed.scale * min(1.0, softness * 4)
    start, stop = box_span(placed.thing.low - margin, placed.thing.high + margin, o, d)
    start = np.maximum(start, 0.012 / placed.scale)
    active = np.flatnonzero(start < stop)
    if active.size == 0:
        return light
    o, d, t, end = o[:, active], d[:, active], start[active], stop[active]
    lit = np.ones(active.size, dtype=np.float32)
    for _ in range(36):
        gap = solid(o + d * t)
        lit = np.minimum(lit, 0.5 + 0.5 * gap / (softness * t + 0.004))
        light[active] = np.minimum(light[active], lit)
        t = t + np.clip(gap, 0.015 / placed.scale, 0.22 / placed.scale)
        keep = (lit > 0.0) & (t < end)
        if not keep.any():
            break
        active, o, d, t, end, lit = active[keep], o[:, keep], d[:, keep], t[keep], end[keep], lit[keep]
    light = np.clip(light, 0.0, 1.0)
    return light * light * (3.0 - 2.0 * light)


def openness(placed: Placed, points: Points, directions: Points) -> Floats:
    """Share of the sky that the thing leaves open above each point, `(N,)` in [0, 1]: 1 minus ambient occlusion."""
    opened = np.ones(points.shape[1], dtype=np.float32)
    solid = placed.solid(clear=False)
    local = placed.to_local(points)
    margin = 0.5 / placed.scale
    inside = (local > placed.thing.low - margin) & (local < placed.thing.high + margin)
    near = np.flatnonzero(inside.all(axis=0))
    if solid is None or near.size == 0:
        return opened
    local, away = local[:, near], placed.inward(directions[:, near])
    hidden = np.zeros(near.size, dtype=np.float32)
    for reach, weight in ((0.03, 1.0), (0.08, 0.8), (0.18, 0.6), (0.34, 0.4)):
        gap = solid(local + away * (reach / placed.scale)) * placed.scale
        hidden += weight * np.clip((reach - gap) / reach, 0.0, 1.0)
    opened[near] = np.clip(1.0 - hidden / 2.8, 0.0, 1.0)
    return opened
