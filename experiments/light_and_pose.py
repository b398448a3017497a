"""Alter the light and the pose of face pictures: a second, harder set of the same people.

Each picture is turned in the image plane by up to 15 degrees, seen from the side (one edge gets up to 15 % shorter than
the opposite one, as if the plane of the picture were turned), moved by up to 5 %, and scaled by 0.85 to 1.15. It is lit
from one side (the far side keeps 35 to 90 % of its light), its gamma changes by a factor of 0.6 to 1.7, and it gets
noise with a standard deviation of up to 6 of 255. The amounts are drawn evenly from a seed per picture.
A flat picture cannot show what a turned head shows: real changes of pose are harder.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PAD = 0.3
"""Margin around the picture, in shares of its sides, that repeats its edge: a turned frame reaches into it."""


def altered(image: Image.Image, seed: Sequence[int]) -> Image.Image:
    """Alter a picture by amounts drawn from a seed; the result is RGB of the same size."""
    random = np.random.default_rng(seed)
    return lit(posed(image.convert("RGB"), random), random)


def posed(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Turn, tilt, move and scale."""
    width, height = image.size
    margin = (round(_PAD * width), round(_PAD * height))
    padded = Image.fromarray(np.pad(np.asarray(image), (margin[1:] * 2, margin[:1] * 2, (0, 0)), mode="edge"))
    turn, scale = math.radians(random.uniform(-15, 15)), random.uniform(0.85, 1.15)
    tilt, side = random.uniform(0, 0.15), random.integers(4)
    move = random.uniform(-0.05, 0.05, 2) * (width, height)
    frame = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    frame[[side, (side + 1) % 4]] *= 1 - tilt if side % 2 else (1 - tilt, 1)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = frame / scale @ rotation.T + move + np.array(padded.size) / 2
    return padded.transform(
        (width, height), Image.Transform.PERSPECTIVE, _perspective(corners, width, height), Image.Resampling.BICUBIC
    )


def lit(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Light from one side, another gamma, and noise."""
    height, width = image.height, image.width
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle, far = random.uniform(0, 2 * math.pi), random.uniform(0.35, 0.9)
    across = (x * math.cos(angle) + y * math.sin(angle)) / math.sqrt(2) / 2 + 0.5
    shade = far + (1 - far) * across
    gamma, noise = math.exp(random.uniform(math.log(0.6), math.log(1.7))), random.uniform(0, 6)
    light = (np.asarray(image) / 255) ** gamma * shade[:, :, None] * 255
    grain = random.normal(0, noise, (height, width, 1))
    return Image.fromarray(np.clip(light + grain, 0, 255).round().astype(np.uint8))


def write_altered(source: Path, target: Path) -> Path:
    """Write altered copies of the pictures `sN/M.png` below `source` to the same places below `target`.

    Pictures that are there already are kept.
    """
    for path in sorted(source.glob("s*/*.png")):
        place = target / path.relative_to(source)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                altered(image, (int(path.parent.name[1:]), int(path.stem))).save(place)
    return target


def _perspective(corners: NDArray[np.float64], width: int, height: int) -> list[float]:
    """The eight coefficients with which `Image.transform` maps the corners of the result to these of the source."""
    rows, values = [], []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows, dtype=float), np.array(values)).tolist()
    return solved
