"""Decide by pixels whether one picture is a copy of another: resized or recompressed, but otherwise unchanged.

The larger picture is resized to the smaller one, and a slight change of brightness or contrast (and a very slight one
of tint) is compensated. The remaining difference is examined in windows. Compression leaves a small difference
everywhere, more where contrast is high; a changed digit, a moved object or a shifted frame leaves a large one in one
place. A copy therefore must pass three tests in its worst window:

- the difference is small relative to the local contrast (for brightness, for colour alone, and for each of the red,
  green and blue channels that shows what brightness does not);
- the worst window is not much worse than others of similar contrast: it is not an outlier;
- the smaller picture can show the detail of the larger one: print that was shrunk to a quarter cannot be distinguished
  from other print.

A perceptual hash of the picture (PDQ, pHash) was rejected: 64 to 256 bits cannot represent a digit. The limits were
chosen by measurement: docs/results/verified_copies.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from search.comparison.windows import binomial, cells, moving_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

MOST_PIXELS = 3_000_000
"""Maximum number of pixels of the compared pictures: enough to read print on an A4 page."""
_MOST_TIMES = 4.5
"""Maximum ratio between the longer sides of a picture and its copy."""
_LEAST_SIDE = 96
"""Minimum side of a resized picture in pixels: smaller ones show too little."""
_ROUNDED = 1.5
"""Tolerance of the aspect ratio in pixels, as programs round differently."""
_GAIN, _SHIFT = 0.06, 6.0
"""Change of contrast, and of brightness in levels, that is compensated: less than from a black shirt to a grey one."""
_TINT_GAIN, _TINT_SHIFT = 0.02, 2.0
"""By how much the change of one channel may differ from the mean: less than from black to navy blue."""
_CUT, _FEWEST_PIXELS = 4, 64
"""Levels near black and white to leave out, and the minimum number of other pixels to estimate a change from."""
_LEFT, _LEFT_BY_CONTRAST = 4.0, 0.15
_LEFT_COLOUR, _LEFT_COLOUR_BY_CONTRAST = 6.0, 0.35
"""Levels of difference that compression leaves in flat areas, and per level of contrast."""
_FULL_RANGE, _LEAST_RANGE, _LEAST_PRINT = 205.0, 0.4, 0.15
"""Levels between dark and light of a picture with full contrast. A fainter picture may differ, and lose, less: down to
these shares."""
_STANDS_OUT, _QUIET = 2.5, 0.25
"""Ratio by which the worst window may exceed most others of similar contrast, and an absolute tolerance."""
_ALIKE_CONTRAST, _FEWEST_WINDOWS = 0.7, 20
_MOST_LOST = 65.0
"""Levels of detail that a copy may lose through its smaller size; more means print or line art that is illegible."""
_COLOUR_ONLY, _COLOUR_RANGE = 2.5, 60.0
"""Ratio by which the range of red, green or blue must exceed that of brightness, and its minimum in levels, for the
channel to be compared like brightness: red print on green, or yellow on white, has little contrast in brightness."""


def is_copy(first: Image.Image, second: Image.Image) -> bool:
    """Whether two upright RGB pictures are copies of each other."""
    if first.size == second.size and first.tobytes() == second.tobytes():
        return True
    large, small = sorted((first, second), key=lambda image: image.width * image.height, reverse=True)
    if not same_proportions(large.size, small.size) or (large.size != small.size and min(small.size) < _LEAST_SIDE):
        return False
    if not _has_structure(small):
        return False  # blank sheets of paper look alike, and are not copies of each other
    size = _common_size(small)
    a, b = _resized(large, size), _resized(small, size)
    spans = _spans(large)
    if large.size != size:
        for band, span in spans.items():
            if _lost(_plane(large, band), size) > _MOST_LOST * max(min(span / _FULL_RANGE, 1.0), _LEAST_PRINT):
                return False
    return _agree(_recoloured(a, b), b, spans) or _agree(_recoloured(b, a), a, spans)


def _agree(first: Image.Image, second: Image.Image, spans: dict[int | None, float]) -> bool:
    for band, span in spans.items():
        a, b = (np.asarray(_plane(image, band), dtype=np.float32) for image in (first, second))
        if not _brightness_agrees(a, b, max(min(span / _FULL_RANGE, 1.0), _LEAST_RANGE)):
            return False
    a, b = (np.asarray(image.convert("YCbCr"), dtype=np.float32) for image in (first, second))
    return all(_colour_agrees(a[:, :, channel], b[:, :, channel]) for channel in (1, 2))


def same_proportions(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether one size may be the other one scaled down, within `_MOST_TIMES`."""
    large, small = sorted((first, second), key=lambda size: size[0] * size[1], reverse=True)
    if max(large) > _MOST_TIMES * max(small) or min(small) < 1:
        return False
    long = 0 if large[0] >= large[1] else 1
    scale = small[long] / large[long]
    return abs(small[1 - long] - large[1 - long] * scale) <= _ROUNDED


def _common_size(small: Image.Image) -> tuple[int, int]:
    scale = min(1.0, (MOST_PIXELS / (small.width * small.height)) ** 0.5)
    return max(1, round(small.width * scale)), max(1, round(small.height * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _has_structure(image: Image.Image) -> bool:
    """Whether a picture shows more than the noise of a blank sheet or a plain colour."""
    spans = image.reduce(2).getextrema() if min(image.size) > 1 else image.getextrema()
    return any(high - low > 24 for low, high in spans)  # type: ignore[misc]  # one pair per band for RGB


def _plane(image: Image.Image, band: int | None) -> Image.Image:
    return image.convert("L") if band is None else image.getchannel(band)


def _spans(image: Image.Image) -> dict[int | None, float]:
    """Levels between dark and light: of brightness (key None), and of each channel with a far larger range."""

    def span(band: int | None) -> float:
        low, high = np.quantile(np.asarray(_plane(image, band))[::2, ::2], (0.002, 0.998))
        return float(high - low)

    brightness = span(None)
    spans: dict[int | None, float] = {None: brightness}
    least = max(_COLOUR_ONLY * brightness, _COLOUR_RANGE)
    return spans | {band: each for band in range(3) if (each := span(band)) > least}


def _lost(large: Image.Image, size: tuple[int, int]) -> float:
    """Levels of detail, in the worst window, that a plane of the larger picture loses at a size."""
    large = _resized(large, _common_size(large))
    if large.size <= size:
        return 0.0
    back = large.resize(size, Image.Resampling.BICUBIC).resize(large.size, Image.Resampling.BICUBIC)
    gone = np.asarray(large, dtype=np.float32) - np.asarray(back, dtype=np.float32)
    return float(np.sqrt(moving_mean(cells(gone * gone), 4).max()))


def _recoloured(image: Image.Image, model: Image.Image) -> Image.Image:
    """Change contrast and level of each channel, within limits, to match another picture as closely as possible."""
    changes = np.array([_change(*bands) for bands in zip(image.split(), model.split(), strict=True)])
    limits = np.array([(_GAIN, _SHIFT), (_TINT_GAIN, _TINT_SHIFT)])
    of_all = changes[:, :2].mean(axis=0)
    tint = np.clip(changes[:, :2] - of_all, -limits[1], limits[1])
    changes[:, :2] = np.clip(of_all, -limits[0], limits[0]) + tint
    table: list[int] = []
    for gain, shift, centre in changes:
        levels = np.rint((np.arange(256) - centre) * (1 + gain) + centre + shift)
        table += np.clip(levels, 0, 255).astype(int).tolist()
    return image.point(table)


def _change(band: Image.Image, model: Image.Image) -> tuple[float, float, float]:
    """Gain minus 1, shift, and the centre level of the gain, that bring a channel closest to another."""
    a, b = (np.asarray(each, dtype=np.float32)[::2, ::2] for each in (band, model))
    inner = (a > _CUT) & (a < 255 - _CUT) & (b > _CUT) & (b < 255 - _CUT)  # pixels not clipped at black or white
    if inner.sum() < _FEWEST_PIXELS:
        return 0.0, 0.0, 0.0
    a, b = a[inner], b[inner]
    centre, variance = float(a.mean()), float(a.var())
    shift = float(b.mean()) - centre
    if variance <= 1:
        return 0.0, shift, centre
    return float(((a - centre) * (b - b.mean())).mean()) / variance - 1, shift, centre


def _brightness_agrees(a: Plane, b: Plane, share: float) -> bool:
    left = binomial(a - b)
    error = np.sqrt(moving_mean(cells(left * left), 2))
    seen = binomial(a)
    contrast = _contrast(
        np.pad(cells(seen), ((1, 2), (1, 2)), mode="edge"), np.pad(cells(seen * seen), ((1, 2), (1, 2)), mode="edge")
    )
    contrast = contrast[: error.shape[0], : error.shape[1]]
    score = error / (_LEFT * share + _LEFT_BY_CONTRAST * contrast)
    worst = np.unravel_index(int(score.argmax()), score.shape)
    return bool(score[worst] <= 1.0) and not _stands_out(score, contrast, worst)


def _stands_out(score: Plane, contrast: Plane, worst: tuple[np.intp, ...]) -> bool:
    distant = np.ones(score.shape, dtype=np.bool_)
    row, column = int(worst[0]), int(worst[1])
    distant[max(0, row - 6) : row + 7, max(0, column - 6) : column + 7] = False
    others = score[distant & (contrast >= _ALIKE_CONTRAST * contrast[worst])]
    return len(others) >= _FEWEST_WINDOWS and bool(score[worst] > _QUIET + _STANDS_OUT * np.quantile(others, 0.95))


def _colour_agrees(a: Plane, b: Plane) -> bool:
    left, seen = binomial(binomial(a - b)), binomial(binomial(a))
    error = np.sqrt(moving_mean(cells(left * left), 4))
    contrast = _contrast(cells(seen), cells(seen * seen))
    score = error / (_LEFT_COLOUR + _LEFT_COLOUR_BY_CONTRAST * contrast)
    worst = np.unravel_index(int(score.argmax()), score.shape)
    return bool(score[worst] <= 1.0) and not _stands_out(score, contrast, worst)


def _contrast(means: Plane, squares: Plane) -> Plane:
    mean = moving_mean(means, 4)
    deviation: Plane = np.sqrt(np.maximum(moving_mean(squares, 4) - mean * mean, 0.0))
    return deviation
