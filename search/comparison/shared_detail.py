"""Decide whether two pictures share their detail: the same scene, possibly cropped, faded, blurred or edited.

An embedding recognises that two pages are pages of print; this module checks that it is the same print. The detail of
one picture is searched in the other by phase correlation. Its peak is high if the same edges are in the same places and
near zero otherwise, whatever the brightness. Several scales are tried, because a cropped copy is larger in its frame,
and the mirrored picture. Pictures with hardly any detail are compared by their colours.

Source: Kuglin and Hines, "The phase correlation image alignment method", 1975; the band limit after Ito et al.,
"A fingerprint matching algorithm using phase-only correlation", 2004. Limits: docs/results/verified_copies.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Plane = NDArray[np.float32]
    Spectrum = NDArray[np.complex64]

SIDE = 256
"""Longer side of a sketch in pixels."""
_FEWEST_WAVES, _MOST_WAVES = 8, 70
"""Range of spatial frequencies in waves per side: excludes light and shade, and grain and compression."""
_WHITENED = 0.5
"""Exponent of the whitening. 1: only the phase counts, grain as much as edges; 0: only strong edges count."""
_LEAST_PEAK = 0.25
_SCALES = (0.98, 0.95, 0.925, 0.9, 0.875, 0.85)
_TAPER = 0.1
_LEAST_DETAIL, _NO_DETAIL = 3.0, 1.0
"""Levels: standard deviation within the frequency band."""
_MOST_APART = 40.0
"""Maximum difference in levels between the colours, at 8 x 8, of pictures without detail..."""
_TOGETHER = 0.9
"""... unless they have this correlation and enough deviation, as when one picture is darker."""


_BRIGHTNESS = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The reduced data of a picture that suffices to search for its detail in another."""

    greys: tuple[Image.Image, ...]
    """At most 256 pixels per side: one image if the picture is opaque, else two, over white and over black."""
    colours: tuple[NDArray[np.int16], ...]
    """`(8, 8, 3)` for each."""


def sketch_of(grounds: Sequence[Image.Image]) -> Sketch:
    """Sketch an upright RGB picture, or a transparent one on its backgrounds."""
    greys, colours = [], []
    for image in grounds:
        scale = SIDE / max(image.size)
        size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        greys.append(image.convert("L").resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
        colours.append(np.asarray(image.resize((8, 8), Image.Resampling.BOX), dtype=np.int16))
    return Sketch(tuple(greys), tuple(colours))


def shares_detail(first: Sketch, second: Sketch) -> bool:
    """Whether no difference shows that the subjects differ; on every background if a picture is transparent."""
    count = max(len(first.greys), len(second.greys))
    pairs = zip(_spread(first, count), _spread(second, count), strict=True)
    return all(_agree(*a, *b) for a, b in pairs)


def _spread(sketch: Sketch, count: int) -> list[tuple[Image.Image, NDArray[np.int16]]]:
    own = list(zip(sketch.greys, sketch.colours, strict=True))
    return own if len(own) == count else own * count  # an opaque picture is the same on any background


def _agree(a: Image.Image, a_colours: NDArray[np.int16], b: Image.Image, b_colours: NDArray[np.int16]) -> bool:
    of_a, of_b = _spectrum(a, 1.0), _spectrum(b, 1.0)
    detail = sorted((_detail(of_a, a), _detail(of_b, b)))
    if detail[0] < _LEAST_DETAIL:
        alone = detail[0] < _NO_DETAIL and detail[1] > 4 * _LEAST_DETAIL
        return not alone and _colours_agree(a_colours, b_colours)
    if _peak(of_a, of_b) >= _LEAST_PEAK:
        return True
    if any(
        _peak(_spectrum(a, scale), of_b) >= _LEAST_PEAK or _peak(of_a, _spectrum(b, scale)) >= _LEAST_PEAK
        for scale in _SCALES
    ):
        return True
    return _peak(of_a, _spectrum(b.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.0)) >= _LEAST_PEAK


def _colours_agree(a: NDArray[np.int16], b: NDArray[np.int16]) -> bool:
    """Whether colours are similar or correlated."""
    x, y = (colours.astype(np.float32) for colours in (a, b))
    if float(np.sqrt(np.square(x - y).mean())) <= _MOST_APART:
        return True
    x, y = x @ _BRIGHTNESS, y @ _BRIGHTNESS
    x, y = x - x.mean(), y - y.mean()
    strength = float(np.sqrt(np.square(x).mean() * np.square(y).mean()))
    return strength >= _MOST_APART**2 / 4 and float((x * y).mean()) >= _TOGETHER * strength


def _spectrum(grey: Image.Image, scale: float) -> Spectrum:
    size = (max(8, round(grey.width * scale)), max(8, round(grey.height * scale)))
    levels = np.asarray(grey.resize(size, Image.Resampling.BICUBIC) if scale != 1 else grey, dtype=np.float32)
    faded = (levels - levels.mean()) * _taper(levels.shape[0])[:, None] * _taper(levels.shape[1])[None, :]
    spectrum: Spectrum = np.fft.rfft2(faded, s=(SIDE, SIDE)).astype(np.complex64)
    return spectrum * _band()


def _taper(length: int) -> Plane:
    """Window that fades the borders out, which a periodic transform would treat as edges of the picture."""
    place = np.arange(length, dtype=np.float32) + np.float32(0.5)
    faded: Plane = np.minimum(1.0, np.minimum(place, length - place) / np.float32(_TAPER * length)).astype(np.float32)
    return faded


@lru_cache(maxsize=1)
def _band() -> Plane:
    waves = np.hypot(np.fft.fftfreq(SIDE)[:, None] * SIDE, np.arange(SIDE // 2 + 1)[None, :])
    band: Plane = ((waves >= _FEWEST_WAVES) & (waves <= _MOST_WAVES)).astype(np.float32)
    return band


def _full_sum(half: Plane) -> float:
    """Sum over the full spectrum of a real picture, of which `rfft2` returns one half."""
    return float(2 * half.sum() - half[:, 0].sum() - half[:, -1].sum())


def _detail(spectrum: Spectrum, grey: Image.Image) -> float:
    power = _full_sum(np.square(np.abs(spectrum)))
    return float((power / SIDE**2 / (grey.width * grey.height)) ** 0.5)


def _peak(a: Spectrum, b: Spectrum) -> float:
    """Share of the detail that agrees at the best shift, from about 0 to 1."""
    product = a * np.conj(b)
    strength = np.abs(product)
    weighted = product / np.maximum(strength, np.float32(1e-6)) ** np.float32(_WHITENED)
    total = _full_sum(np.abs(weighted)) / SIDE**2
    return float(np.fft.irfft2(weighted, s=(SIDE, SIDE)).max()) / max(total, 1e-12)
