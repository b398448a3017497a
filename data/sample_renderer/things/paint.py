"""Painted figures whose pattern is drawn by hand."""

from __future__ import annotations

import numpy as np

from ..arrays import Colours, Floats, Pattern, Points, mix, smoothstep
from ..patterns import rgb


def disc(p: Points, x: float, y: float, radius: float) -> Floats:
    """1 inside a disc in the x-y plane, on the front half only."""
    inside = 1.0 - smoothstep(radius - 0.015, radius + 0.015, np.hypot(p[0] - x, p[1] - y))
    return inside * smoothstep(-0.02, 0.02, p[2])


def doll() -> Pattern:
    """Kerchief, face, hair, apron with flowers."""
    red, gold, skin, hair, dark, green, cream = map(
        rgb, ("#c02a2f", "#e3b23c", "#f0c9a4", "#4a2a14", "#1a1210", "#3f7a45", "#f4ead2")
    )

    def pattern(p: Points) -> Colours:
        colour = mix(
            np.broadcast_to(gold, p.shape), red, smoothstep(1.48, 1.5, p[1]) + smoothstep(-1.3, -1.28, -p[1]) * 0.0
        )
        colour = mix(red + 0.0 * p, colour, smoothstep(1.28, 1.3, p[1]))
        front = smoothstep(-0.02, 0.02, p[2])
        apron = (1.0 - smoothstep(0.97, 1.03, np.hypot(p[0] / 0.5, (p[1] - 0.62) / 0.55))) * front
        colour = mix(colour, cream, apron)
        flowers = [(0.0, 0.72, 0.17, red), (0.0, 0.72, 0.06, gold), (-0.22, 0.5, 0.1, gold), (0.22, 0.5, 0.1, gold)]
        leaves = [(-0.2, 0.88, 0.08, green), (0.2, 0.88, 0.08, green), (0.0, 0.42, 0.08, green)]
        for x, y, r, paint in flowers + leaves:
            colour = mix(colour, paint, disc(p, x, y, r))
        colour = mix(colour, hair, disc(p, 0.0, 1.82, 0.36))
        colour = mix(colour, skin, disc(p, 0.0, 1.76, 0.32))
        for side in (-1.0, 1.0):
            colour = mix(colour, dark, disc(p, 0.12 * side, 1.82, 0.045))
            colour = mix(colour, rgb("#e58a78"), disc(p, 0.19 * side, 1.68, 0.06))
        return mix(colour, red, disc(p, 0.0, 1.62, 0.04))

    return pattern
