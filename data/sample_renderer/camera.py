"""A pinhole camera that frames a thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Points, column, dot, unit
from .model import Placed

FIELD = 0.29
"""Tangent of half the field of view: about a 60 mm lens, which flatters small things."""


@dataclass(frozen=True)
class Camera:
    """Where the eye is, and three unit axes."""

    eye: Points
    right: Points
    up: Points
    forward: Points

    @classmethod
    def framing(
        cls, placed: Placed, *, elevation: float, fill: float, shift: tuple[float, float], roll: float = 0.0
    ) -> Camera:
        """Look from the +z side so that the thing spans `fill` of the picture.

        Args:
            placed: the thing, near the origin.
            elevation: degrees above the floor.
            fill: longer side of the thing over the side of the picture; above 1 the picture cuts it.
            shift: where its middle goes, in half pictures right and up.
            roll: degrees that the camera is tilted.
        """
        angle, tilt = np.radians(elevation), np.radians(roll)
        forward = column(0.0, -np.sin(angle), -np.cos(angle))
        level, rise = column(1.0, 0.0, 0.0), column(0.0, np.cos(angle), -np.sin(angle))
        right = level * np.float32(np.cos(tilt)) + rise * np.float32(np.sin(tilt))
        up = rise * np.float32(np.cos(tilt)) - level * np.float32(np.sin(tilt))
        points = placed.to_world(placed.thing.samples)
        target, distance = points.mean(axis=1, keepdims=True), 6.0
        for _ in range(6):
            # Perspective makes the frame depend on the distance: a few rounds settle both.
            seen = points - (target - forward * distance)
            depth = dot(forward, seen)
            u, v = dot(right, seen) / depth / FIELD, dot(up, seen) / depth / FIELD
            span = max(float(np.ptp(u)), float(np.ptp(v))) / 2
            middle = (float(u.max() + u.min()) / 2 - shift[0], float(v.max() + v.min()) / 2 - shift[1])
            target = target + (right * np.float32(middle[0]) + up * np.float32(middle[1])) * np.float32(
                FIELD * distance
            )
            distance *= span / fill
        eye = target - forward * np.float32(distance)
        eye[1] = np.maximum(eye[1], 0.15)
        return cls(eye.astype(np.float32), right, up, forward)

    def rays(self, u: Points, v: Points) -> Points:
        """Unit directions through picture points, both from -1 (left, bottom) to 1, `(N,)` each."""
        across = self.right * (u * np.float32(FIELD)) + self.up * (v * np.float32(FIELD))
        return unit(self.forward + across).astype(np.float32)
