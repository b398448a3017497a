"""Altered copies of pictures, by kind and strength, as editing and sharing produce them.

Every alteration depends on the picture alone: the same picture gives the same copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from PIL.Image import Resampling, Transpose


@dataclass(frozen=True, slots=True)
class Alteration:
    """One kind at one strength; `alter` returns a changed copy of an RGB picture."""

    kind: str
    strength: str
    alter: Callable[[Image.Image], Image.Image]

    @property
    def name(self) -> str:
        """Kind and strength, for display."""
        return f"{self.kind}, {self.strength}"


def crop(image: Image.Image, *, percent: int) -> Image.Image:
    """Keep `percent` of each side. A third of the removed width is cut off at the left, two thirds of the height at
    the top.
    """
    width, height = image.size
    left, top = round(width * (100 - percent) / 300), round(height * (100 - percent) / 150)
    kept_width, kept_height = (max(1, round(side * (percent / 100))) for side in image.size)
    return image.crop((left, top, left + kept_width, top + kept_height))


def transposed(image: Image.Image, *, how: Transpose) -> Image.Image:
    """Mirror, or rotate by quarter turns: pixels only move."""
    return image.transpose(how)


def rotated(image: Image.Image, *, degrees: float) -> Image.Image:
    """Rotate within the frame; the corners become black."""
    return image.rotate(degrees, Resampling.BICUBIC)


def rescaled(image: Image.Image, *, factor: int) -> Image.Image:
    """Shrink by `factor` and enlarge to the original size."""
    return _shrunk(image, factor).resize(image.size, Resampling.BILINEAR)


def recompressed(image: Image.Image, *, quality: int, factor: int = 1) -> Image.Image:
    """Shrink by `factor`, then compress as JPEG; the copy stays small."""
    file = BytesIO()
    _shrunk(image, factor).save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def blurred(image: Image.Image, *, percent: float) -> Image.Image:
    """Gaussian blur whose standard deviation is `percent` of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(min(image.size) * percent / 100))


def recolored(
    image: Image.Image, *, saturation: float = 1.0, contrast: float = 1.0, brightness: float = 1.0
) -> Image.Image:
    """Change saturation, contrast and brightness, in this order; 1 means no change."""
    dull = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(saturation)).enhance(contrast)
    return ImageEnhance.Brightness(dull).enhance(brightness)


def noisy(image: Image.Image, *, deviation: float) -> Image.Image:
    """Add Gaussian noise to every channel, `deviation` in levels of 255; seeded by the picture's content."""
    seed = int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little")
    pixels = np.asarray(image, dtype=np.float32)
    noise = np.random.default_rng(seed).standard_normal(pixels.shape, dtype=np.float32) * np.float32(deviation)
    return Image.fromarray(np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8))


def _shrunk(image: Image.Image, factor: int) -> Image.Image:
    if factor == 1:
        return image
    return image.resize((max(1, image.width // factor), max(1, image.height // factor)), Resampling.BILINEAR)


_KINDS: dict[str, dict[str, Callable[[Image.Image], Image.Image]]] = {
    "crop": {f"{percent} % of each side": partial(crop, percent=percent) for percent in (85, 70, 50, 35)},
    "mirrored": {
        "left and right": partial(transposed, how=Transpose.FLIP_LEFT_RIGHT),
        "top and bottom": partial(transposed, how=Transpose.FLIP_TOP_BOTTOM),
    },
    "tilted": {f"{degrees} degrees": partial(rotated, degrees=degrees) for degrees in (5, 12, 25, 45)},
    "turned": {
        "90 degrees": partial(transposed, how=Transpose.ROTATE_90),
        "180 degrees": partial(transposed, how=Transpose.ROTATE_180),
        "270 degrees": partial(transposed, how=Transpose.ROTATE_270),
    },
    "shrunk, enlarged": {f"1/{factor} of each side": partial(rescaled, factor=factor) for factor in (2, 4, 8)},
    "JPEG": {f"quality {quality}": partial(recompressed, quality=quality) for quality in (50, 20, 10, 5)},
    "JPEG, quality 20": {
        f"1/{factor} of each side": partial(recompressed, quality=20, factor=factor) for factor in (2, 4, 8)
    },
    "blurred": {f"by {percent} % of the side": partial(blurred, percent=percent) for percent in (1, 2, 4)},
    "saturation": {f"{percent} %": partial(recolored, saturation=percent / 100) for percent in (50, 20, 0)},
    "darker": {f"to {percent} %": partial(recolored, brightness=percent / 100) for percent in (70, 50, 30)},
    "brighter": {f"to {percent} %": partial(recolored, brightness=percent / 100) for percent in (130, 160, 200)},
    "faded": {
        "a little": partial(recolored, saturation=0.7, contrast=0.8, brightness=1.1),
        "much": partial(recolored, saturation=0.4, contrast=0.6, brightness=1.2),
        "nearly white": partial(recolored, saturation=0.2, contrast=0.4, brightness=1.4),
    },
    "noise": {f"{deviation} of 255": partial(noisy, deviation=deviation) for deviation in (10, 25, 50)},
}
ALTERATIONS = tuple(
    Alteration(kind, strength, alter) for kind, strengths in _KINDS.items() for strength, alter in strengths.items()
)
"""All alterations; each kind from its weakest strength to its strongest."""

_EVERYDAY = {
    "crop": "70 % of each side",
    "mirrored": "left and right",
    "tilted": "12 degrees",
    "turned": "90 degrees",
    "JPEG, quality 20": "1/2 of each side",
    "faded": "much",
}
COPIES = tuple(each for each in ALTERATIONS if _EVERYDAY.get(each.kind) == each.strength)
"""Six everyday copies; the mean share whose original comes first is the figure `copies_found` of an encoder."""
