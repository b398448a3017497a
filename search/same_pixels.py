"""Whether one picture is a copy of another, by its pixels: resized and compressed, but with nothing else in it.

The larger picture is brought to the size of the smaller one, a slight change of brightness, contrast or tint is taken
out, and what is left is looked at window by window. Compression leaves a little everywhere, more where there is more
contrast; a changed digit, a moved object or a shifted frame leaves much in one place. So a copy is known by three
things, each of which must hold in its worst window:

- what is left is small beside the contrast around it (brightness, and colour on its own);
- the worst window is not far from others of as much contrast: it does not stand out;
- the smaller picture can show the detail of the larger one: print that was shrunk to a quarter cannot be told from
  other print.

A perceptual hash of the whole picture (PDQ, pHash) was the alternative: 64 to 256 bits cannot hold a digit. The
limits were chosen by measurement: docs/results/verified_copies.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from search.windows import binomial, cells, moving_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

MOST_PIXELS = 3_000_000
"""At which pictures are compared: print on a page of A4 is legible at that."""
_MOST_TIMES = 4.5
"""Times that a side may be longer than that of a copy."""
_LEAST_SIDE = 96
"""Of a picture that was shrunk: smaller ones show too little to be known."""
_ROUNDED = 1.5
"""Pixels by which a side may miss the proportions: programs round differently."""
_GAIN, _SHIFT = 0.1, 10.0
"""Change of contrast, and of brightness or tint in levels, that is taken out of each channel."""
_CUT, _FEWEST_PIXELS = 4, 64
"""Levels next to black and white, and pixels elsewhere without which no change is taken out."""
_LEFT, _LEFT_BY_CONTRAST = 4.0, 0.15
_LEFT_COLOUR, _LEFT_COLOUR_BY_CONTRAST = 6.0, 0.35
"""Levels of difference that compression leaves where all is flat, and per level of contrast."""
_FULL_RANGE, _LEAST_RANGE, _LEAST_PRINT = 200.0, 0.4, 0.15
"""Levels between dark and light of a picture with full contrast; of a fainter one less may be left, and be lost, down
to these shares."""
_STANDS_OUT, _QUIET = 2.5, 0.25
"""Times that the worst window may exceed most others of like contrast, beyond a little."""
_ALIKE_CONTRAST, _FEWEST_WINDOWS = 0.7, 20
_MOST_LOST = 65.0
"""Levels of detail that a copy may lose by its smaller size; more is print or line art, no longer legible."""


def is_copy(first: Image.Image, second: Image.Image) -> bool:
    """Whether two upright RGB pictures are copies of one another."""
    if first.size == second.size and first.tobytes() == second.tobytes():
        return True
    large, small = sorted((first, second), key=lambda image: image.width * image.height, reverse=True)
    if not same_proportions(large.size, small.size) or (large.size != small.size and min(small.size) < _LEAST_SIDE):
        return False
    if not _has_structure(small):
        return False  # blank sheets of paper are alike, and none is a copy of another
    size = _common_size(small)
    a, b = _resized(large, size), _resized(small, size)
    span = _range_share(large)
    if large.size != size and _lost(large, size) > _MOST_LOST * max(span, _LEAST_PRINT):
        return False
    share = max(span, _LEAST_RANGE)
    return _agree(_recoloured(a, b), b, share) or _agree(_recoloured(b, a), a, share)


def _agree(first: Image.Image, second: Image.Image, share: float) -> bool:
    a, b = (np.asarray(image.convert("YCbCr"), dtype=np.float32) for image in (first, second))
    return _brightness_agrees(a[:, :, 0], b[:, :, 0], share) and all(
        _colour_agrees(a[:, :, channel], b[:, :, channel]) for channel in (1, 2)
    )


def same_proportions(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether one size may be the other one shrunk, and not by too much."""
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
    """Whether anything is drawn on it: more than the noise of a blank sheet or a plain colour."""
    spans = image.reduce(2).getextrema() if min(image.size) > 1 else image.getextrema()
    return any(high - low > 24 for low, high in spans)  # type: ignore[misc]  # of RGB: one pair a band


def _range_share(image: Image.Image) -> float:
    low, high = np.quantile(np.asarray(image.convert("L"))[::2, ::2], (0.002, 0.998))
    return float(min((high - low) / _FULL_RANGE, 1.0))


def _lost(large: Image.Image, size: tuple[int, int]) -> float:
    """Levels of detail, in the worst window, that the larger picture loses at a size."""
    grey = large.convert("L")
    grey = _resized(grey, _common_size(grey))
    if grey.size <= size:
        return 0.0
    back = grey.resize(size, Image.Resampling.BICUBIC).resize(grey.size, Image.Resampling.BICUBIC)
    gone = np.asarray(grey, dtype=np.float32) - np.asarray(back, dtype=np.float32)
    return float(np.sqrt(moving_mean(cells(gone * gone), 4).max()))


def _recoloured(image: Image.Image, model: Image.Image) -> Image.Image:
    """Change contrast and level of each channel, within limits, to be as near as can be to another picture."""
    table: list[int] = []
    for band, other in zip(image.split(), model.split(), strict=True):
        a, b = (np.asarray(each, dtype=np.float32)[::2, ::2] for each in (band, other))
        inner = (a > _CUT) & (a < 255 - _CUT) & (b > _CUT) & (b < 255 - _CUT)  # what was not cut off at black or white
        gain, shift, centre = 1.0, 0.0, 0.0
        if inner.sum() >= _FEWEST_PIXELS:
            a, b = a[inner], b[inner]
            centre, variance = float(a.mean()), float(a.var())
            shift = float(np.clip(b.mean() - centre, -_SHIFT, _SHIFT))
            if variance > 1:
                gain = float(((a - centre) * (b - b.mean())).mean()) / variance
                gain = float(np.clip(gain, 1 - _GAIN, 1 + _GAIN))
        levels = np.rint((np.arange(256) - centre) * gain + centre + shift)
        table += np.clip(levels, 0, 255).astype(int).tolist()
    return image.point(table)


def _brightness_agrees(a: Plane, b: Plane, share: float) -> bool:
    left = binomial(a - b)
    error = np.sqrt(moving_mean(cells(left * left), 2))
    seen = binomial(a)
    contrast = _contrast(np.pad(cells(seen), ((1, 2), (1, 2)), mode="edge"),
                        np.pad(cells(seen * seen), ((1, 2), (1, 2)), mode="edge"))  # fmt: skip
    contrast = contrast[: error.shape[0], : error.shape[1]]
    score = error / (_LEFT * share + _LEFT_BY_CONTRAST * contrast)
    worst = np.unravel_index(int(score.argmax()), score.shape)
    return bool(score[worst] <= 1.0) and not _stands_out(score, contrast, worst)


def _stands_out(score: Plane, contrast: Plane, worst: tuple[np.intp, ...]) -> bool:
    away = np.ones(score.shape, dtype=np.bool_)
    row, column = int(worst[0]), int(worst[1])
    away[max(0, row - 6) : row + 7, max(0, column - 6) : column + 7] = False
    others = score[away & (contrast >= _ALIKE_CONTRAST * contrast[worst])]
    return len(others) >= _FEWEST_WINDOWS and bool(score[worst] > _QUIET + _STANDS_OUT * np.quantile(others, 0.95))


def _colour_agrees(a: Plane, b: Plane) -> bool:
    left, seen = binomial(binomial(a - b)), binomial(binomial(a))
    error = np.sqrt(moving_mean(cells(left * left), 4))
    contrast = _contrast(cells(seen), cells(seen * seen))
    return bool((error <= _LEFT_COLOUR + _LEFT_COLOUR_BY_CONTRAST * contrast).all())


def _contrast(means: Plane, squares: Plane) -> Plane:
    mean = moving_mean(means, 4)
    deviation: Plane = np.sqrt(np.maximum(moving_mean(squares, 4) - mean * mean, 0.0))
    return deviation
