"""From a scene to pixels: one ray a pixel, more where neighbours differ, then the film's response."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arrays import Colours, Floats
from .camera import Camera
from .shading import Scene, trace

CHUNK = 12_000
"""Rays traced together: few enough for the processor's cache."""

OFFSETS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
"""Places of the extra rays in a pixel, a rotated grid."""


def render(scene: Scene, camera: Camera, size: int, *, smooth: bool = True) -> NDArray[np.uint8]:
    """The picture `(size, size, 3)`; `smooth` refines edges."""
    rows, columns = np.divmod(np.arange(size * size), size)
    light = shoot(scene, camera, columns, rows, size, (0.0, 0.0))
    if smooth:
        rough = np.flatnonzero(needs_more(film(light).reshape(3, size, size)))
        fine = [film(shoot(scene, camera, columns[rough], rows[rough], size, offset)) for offset in OFFSETS]
        pixels = film(light)
        # Averaged after the film's response: a bright highlight beside a dark edge would still show steps before it.
        pixels[:, rough] = np.mean(np.stack(fine), axis=0)
    else:
        pixels = film(light)
    return np.round(pixels.reshape(3, size, size).transpose(1, 2, 0) * 255.0).astype(np.uint8)


def shoot(
    scene: Scene,
    camera: Camera,
    columns: NDArray[np.int64],
    rows: NDArray[np.int64],
    size: int,
    offset: tuple[float, float],
) -> Colours:
    """Light through the given pixels, darkened a little toward the corners, `(3, N)`."""
    u = ((columns + 0.5 + offset[0]) / size * 2.0 - 1.0).astype(np.float32)
    v = (1.0 - (rows + 0.5 + offset[1]) / size * 2.0).astype(np.float32)
    light = np.empty((3, u.size), dtype=np.float32)
    for start in range(0, u.size, CHUNK):
        part = slice(start, start + CHUNK)
        directions = camera.rays(u[part], v[part])
        light[:, part] = trace(scene, np.broadcast_to(camera.eye, directions.shape), directions)
    return light * (1.0 - 0.1 * (u * u + v * v))


def film(light: Colours) -> Colours:
    """Linear light to sRGB in [0, 1], with a shoulder that keeps highlights from clipping hard."""
    exposed = np.maximum(light, 0.0) * 0.62
    curved = exposed * (2.51 * exposed + 0.03) / (exposed * (2.43 * exposed + 0.59) + 0.14)
    return (np.clip(curved, 0.0, 1.0) ** (1.0 / 2.2)).astype(np.float32)


def needs_more(pixels: Floats, threshold: float = 0.055) -> NDArray[np.bool_]:
    """Which pixels differ from a neighbour by more than the threshold in any channel, `(size * size,)`."""
    rough = np.zeros(pixels.shape[1:], dtype=bool)
    down = np.abs(np.diff(pixels, axis=1)).max(axis=0) > threshold
    right = np.abs(np.diff(pixels, axis=2)).max(axis=0) > threshold
    rough[:-1] |= down
    rough[1:] |= down
    rough[:, :-1] |= right
    rough[:, 1:] |= right
    return rough.ravel()
