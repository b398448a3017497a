"""The ground that a transparent picture is laid over: white, unless white hides what the picture shows.

White line art on transparent ground would be one blank sheet over white, and all of it alike. What a ground shows is
measured by the edges that are left over it, each between two neighbouring pixels of the picture made small. White is
taken where it shows most of what the best ground does, so that whatever is visible on a white page looks as it does
there; else black; else, for a picture whose light and dark parts would each vanish over one of them, a middle grey.
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
"""Pixels that the shorter side is reduced to, at least; what is measured does not depend on the size asked for."""
_PIXELS = 1 << 18
"""Pixels that a long and thin one is reduced to, at most."""
_CLEAR = 64.0
"""Levels of 255, as a mean over the channels, from which an edge is as clear as it needs to be."""
_ENOUGH_OVER_WHITE = 0.75
"""Share of the edges over the best ground."""
_ENOUGH_OVER_BLACK = 0.9
_SAMPLES = 4
"""Pixels that each of the reduced ones is made of, at least, along each side: of a large picture the others are left
out, which halves the cost of a transparent one."""
_BAND = 1 << 21
"""Pixels that are looked at at a time."""


def ground_of(image: Image.Image, of_eight_bits: Callable[[Image.Image], Image.Image]) -> int:
    """Choose the level of grey that a loaded picture with transparent pixels is laid over.

    Args:
        image: the picture.
        of_eight_bits: makes a band of it one of a mode that Pillow converts to RGBA.
    """
    small = _small(image, of_eight_bits)
    alpha = small[:, :, 3:]
    if alpha.min() == 255:
        return WHITE
    seen = {ground: _edges(small[:, :, :3] + ground * (1 - alpha / np.float32(255))) for ground in (WHITE, BLACK, GREY)}
    best = max(seen.values())
    if seen[WHITE] >= _ENOUGH_OVER_WHITE * best:
        return WHITE
    return BLACK if seen[BLACK] >= _ENOUGH_OVER_BLACK * best else GREY


def _small(image: Image.Image, of_eight_bits: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    """Reduce to `(H, W, 4) float32`, colours times alpha, so that a colour under alpha 0 counts for nothing."""
    width, height = image.size
    factor = max(1, min(width, height) // _SIDE, math.ceil(math.sqrt(width * height / _PIXELS)))
    rows = max(1, _BAND // (width * factor)) * factor
    stride = max(1, factor // _SAMPLES)
    bands = []
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        if stride > 1:
            band = band.resize((-(-width // stride), -(-band.height // stride)), Resampling.NEAREST)
        bands.append(np.asarray(_premultiplied(of_eight_bits(band)).reduce(factor // stride), np.float32))
    return np.concatenate(bands)


def _premultiplied(band: Image.Image) -> Image.Image:
    if band.mode == "RGBa":
        return band
    return (band.convert("LA") if band.mode == "La" else band).convert("RGBA").convert("RGBa")


def _edges(levels: NDArray[np.float32]) -> float:
    """Sum the edges of `(H, W, 3)` levels, none of them for more than it takes to be clear."""
    steps = (np.abs(np.diff(levels, axis=axis)).mean(axis=2) for axis in (0, 1))
    return float(sum(np.minimum(step, _CLEAR).sum() for step in steps))
