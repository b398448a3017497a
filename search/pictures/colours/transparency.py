"""Choose the background for a transparent picture: white, unless white hides what the picture shows.

White line art on a transparent background would be a blank sheet over white. The visibility over a background is
measured by the edges between neighbouring pixels of the reduced picture. White is used if it shows most of the edges
that the best background shows, so that pictures made for a white page keep their look. Otherwise black is used, or a
middle grey for a picture whose light and dark parts would vanish over white and black respectively.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Resampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

WHITE, BLACK, GREY = 255, 0, 128

_SIDE = 256
"""Minimum length in pixels of the reduced shorter side; the measurement does not depend on the target size."""
_PIXELS = 1 << 18
"""Maximum number of pixels of a long and thin picture after the reduction."""
_CLEAR = 64.0
"""Mean difference over the channels, in levels of 255, at which an edge counts as fully visible."""
_ENOUGH_OVER_WHITE = 0.75
"""Share of the edges over the best background."""
_ENOUGH_OVER_BLACK = 0.9
_SAMPLES = 4
"""Minimum number of pixels per side that each reduced pixel is made of. Other pixels of a large picture are skipped,
which halves the cost of a transparent one."""
_BAND = 1 << 21
"""Pixels that are processed at a time."""


def ground_of(image: Image.Image, to_eight_bits: Callable[[Image.Image], Image.Image]) -> int:
    """Choose the grey level of the background for a loaded picture with transparent pixels.

    Args:
        image: the picture.
        to_eight_bits: converts a band of it to a mode that Pillow can convert to RGBA.
    """
    small = _small(image, to_eight_bits)
    alpha = small[:, :, 3:]
    if alpha.min() == 255:
        return WHITE
    edges = {
        ground: _edges(small[:, :, :3] + ground * (1 - alpha / np.float32(255))) for ground in (WHITE, BLACK, GREY)
    }
    best = max(edges.values())
    if edges[WHITE] >= _ENOUGH_OVER_WHITE * best:
        return WHITE
    return BLACK if edges[BLACK] >= _ENOUGH_OVER_BLACK * best else GREY


def _small(image: Image.Image, to_eight_bits: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    """Reduce to `(H, W, 4) float32`, colours times alpha, so that colours under alpha 0 do not count."""
    width, height = image.size
    factor = max(1, min(width, height) // _SIDE, math.ceil(math.sqrt(width * height / _PIXELS)))
    rows = max(1, _BAND // (width * factor)) * factor
    stride = max(1, factor // _SAMPLES)
    bands = []
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        if stride > 1:
            band = band.resize((-(-width // stride), -(-band.height // stride)), Resampling.NEAREST)
        bands.append(np.asarray(_premultiplied(to_eight_bits(band)).reduce(factor // stride), np.float32))
    return np.concatenate(bands)


def _premultiplied(band: Image.Image) -> Image.Image:
    if band.mode == "RGBa":
        return band
    return (band.convert("LA") if band.mode == "La" else band).convert("RGBA").convert("RGBa")


def _edges(levels: NDArray[np.float32]) -> float:
    """Sum the edges of `(H, W, 3)` levels, each capped at the value of a fully visible edge."""
    steps = (np.abs(np.diff(levels, axis=axis)).mean(axis=2) for axis in (0, 1))
    return float(sum(np.minimum(step, _CLEAR).sum() for step in steps))
