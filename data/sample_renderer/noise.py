"""Repeatable noise: a hash of lattice points, no table and no random state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats, Points, column


def lattice_hash(x: NDArray[np.int32], y: NDArray[np.int32], z: NDArray[np.int32]) -> Floats:
    """A number in [0, 1) for each lattice point."""
    h = x.astype(np.uint32) * np.uint32(374761393)
    h ^= y.astype(np.uint32) * np.uint32(668265263)
    h ^= z.astype(np.uint32) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    return ((h >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)).astype(np.float32)


def value_noise(points: Points) -> Floats:
    """Smooth noise in [0, 1], one bump a unit of length."""
    cell = np.floor(points)
    f = points - cell
    f = f * f * (3.0 - 2.0 * f)
    x, y, z = cell.astype(np.int32)
    total = np.zeros(points.shape[1], dtype=np.float32)
    for dx in (0, 1):
        wx = f[0] if dx else 1.0 - f[0]
        for dy in (0, 1):
            wxy = wx * (f[1] if dy else 1.0 - f[1])
            for dz in (0, 1):
                total += wxy * (f[2] if dz else 1.0 - f[2]) * lattice_hash(x + dx, y + dy, z + dz)
    return total


def fractal_noise(points: Points, octaves: int = 3) -> Floats:
    """Octaves of value noise, each twice as fine and half as strong; in [0, 1]."""
    total, weight = np.zeros(points.shape[1], dtype=np.float32), 1.0
    for octave in range(octaves):
        total += weight * value_noise(points * (2.0**octave) + column(17.0, 31.0, 7.0) * octave)
        weight *= 0.5
    return total / (2.0 - 2.0 ** (1 - octaves))
