"""One lamp and the room's light around it, drawn at random within a named mood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Colours, Points, column, dot, mix, smoothstep, unit
from .patterns import rgb


@dataclass(frozen=True)
class Mood:
    """Ranges that a light is drawn from; angles in degrees, azimuth 0 from behind the camera."""

    lamp: tuple[str, ...]
    sky: tuple[str, ...]
    azimuth: tuple[float, float]
    elevation: tuple[float, float]
    strength: tuple[float, float]
    ambient: tuple[float, float]
    softness: tuple[float, float]


MOODS = {
    "studio": Mood(
        ("#fff6ea", "#ffffff"), ("#dfe6f0", "#e8e4de"), (25, 65), (35, 60), (2.3, 2.7), (0.75, 0.95), (0.16, 0.3)
    ),
    "sun": Mood(("#fff1d6",), ("#a9c8ee", "#b8cff0"), (30, 120), (30, 60), (3.0, 3.6), (0.6, 0.8), (0.04, 0.08)),
    "evening": Mood(
        ("#ffb066", "#ff9e5a"), ("#8fa3d6", "#b79cc4"), (40, 100), (14, 30), (2.6, 3.2), (0.5, 0.7), (0.08, 0.16)
    ),
    "window": Mood(("#dfeaff", "#eaf1ff"), ("#c8cfdc",), (60, 115), (25, 50), (2.0, 2.6), (0.45, 0.65), (0.2, 0.35)),
    "lamplight": Mood(
        ("#ffcf8f", "#ffd9a3"), ("#7d6a5a", "#6a6270"), (-70, 70), (40, 70), (2.2, 2.8), (0.4, 0.55), (0.1, 0.2)
    ),
    "backlit": Mood(
        ("#fff0dc", "#eaf0ff"), ("#c9d2e2", "#dcd3cb"), (140, 215), (28, 48), (2.8, 3.4), (0.75, 0.95), (0.1, 0.2)
    ),
    "overcast": Mood(("#f4f6fa",), ("#e2e8ef",), (-60, 60), (60, 80), (1.1, 1.5), (1.3, 1.5), (0.4, 0.6)),
    "dusk": Mood(
        ("#b9c6ff", "#a9d0ff"), ("#5d6fa8", "#59639a"), (-100, 100), (30, 55), (1.7, 2.1), (0.55, 0.75), (0.12, 0.25)
    ),
}


@dataclass(frozen=True)
class Light:
    """A lamp far away, sky above, and what the floor throws back."""

    toward: Points
    lamp: Colours
    sky: Colours
    bounce: Colours
    softness: float

    @classmethod
    def draw(cls, mood: Mood, floor: Colours, rng: np.random.Generator) -> Light:
        """Draw within the mood; `floor` is the mean colour of the ground, `(3, 1)`."""
        side = 1.0 if rng.random() < 0.5 else -1.0
        azimuth = np.radians(rng.uniform(*mood.azimuth)) * side
        elevation = np.radians(rng.uniform(*mood.elevation))
        flat = np.cos(elevation)
        lamp = rgb(mood.lamp[rng.integers(len(mood.lamp))]) * np.float32(rng.uniform(*mood.strength))
        sky = rgb(mood.sky[rng.integers(len(mood.sky))]) * np.float32(rng.uniform(*mood.ambient))
        bounce = floor * (0.35 * lamp * np.float32(np.sin(elevation)) + 0.4 * sky)
        toward = column(flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth))
        return cls(toward, lamp, sky, bounce, float(rng.uniform(*mood.softness)))

    def ambient(self, normals: Points) -> Colours:
        """Light from the half of the room that each normal faces."""
        up = normals[1] * 0.5 + 0.5
        return mix(self.bounce, self.sky, up)

    def room(self, directions: Points, sharpness: float) -> Colours:
        """What a mirror sees: floor, sky, a broad soft box about the lamp and a second one opposite, `(3, N)`."""
        width = 0.08 + 0.5 * (1.0 - sharpness)
        horizon = smoothstep(-0.15 - width, 0.2 + width, directions[1])
        base = mix(self.bounce * 0.8, self.sky * 0.95, horizon)
        band = 0.65 * smoothstep(0.35 - width, 0.55 + width, directions[1]) + 0.7
        toward = dot(self.toward, directions)
        box = smoothstep(0.93 - width, 0.95 + 0.3 * width, toward)
        opposite = unit(self.toward * column(-1.0, 0.6, 0.35))
        rim = smoothstep(0.88 - width, 0.93, dot(opposite, directions))
        return base * band + self.lamp * (1.1 * box) + self.sky * (0.7 * rim)
