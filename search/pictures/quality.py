"""Whether a picture is good enough to know somebody by: large enough, lit, and sharp.

Everything but the size is measured on a picture of one size, so that the same scene gives the same figures whether it
was taken with a telephone or a large camera.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.errors import PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_SIDE = 64
"""Longer side in pixels at which light and sharpness are measured."""
_ROUNDING = 20.0 / 12.0
"""Variance of the Laplacian of rounding to whole numbers, 1/12 a pixel, its weights squared 4 * 1 + 16. Without taking
it off, a picture that is blurred until hardly any contrast is left looks sharp by its steps alone."""


@dataclass(frozen=True)
class QualityConfig:
    """Limits under which a picture is poor."""

    min_side: int = 20
    """Pixels of the shorter side."""
    min_contrast: float = 4.0
    """Standard deviation of the luma, of 255: below it there is nothing to see."""
    min_light: float = 45.0
    """Luma, of 255, that the brightest hundredth of the picture must reach."""
    min_sharpness: float = 0.003
    """Fine detail as a share of all contrast; see `Quality.sharpness`."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a picture, and in words what is wrong with it."""

    width: int
    """Pixels, upright, before any reduction."""
    height: int
    contrast: float
    """Standard deviation of the luma, in [0, 127.5]."""
    light: float
    """Luma, in [0, 255], that one pixel of a hundred reaches."""
    sharpness: float
    """Variance of the Laplacian, less that of rounding, over sixteen times that of the luma, at one size: 0 for a flat
    surface, about 1 for noise; a blur lowers it, darkness hardly does.
    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, who do not divide."""
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "problems": list(self.problems)}


def quality_of(image: Image, config: QualityConfig | None = None) -> Quality:
    """Measure an upright RGB picture, as `search.pictures.decode.load_picture` gives it."""
    config = config or QualityConfig()
    width, height = image.info.get("full_size", image.size)
    luma = _luma(image)
    deviation, light = float(luma.std()), float(np.quantile(luma, 0.99))
    detail = max(0.0, float(_laplacian(luma).var()) - _ROUNDING)
    sharpness = detail / (16.0 * deviation**2) if deviation > 0 else 0.0
    problems = []
    if min(width, height) < config.min_side:
        problems.append(f"too small: {width} x {height} pixels, at least {config.min_side} a side are needed")
    if light < config.min_light:
        problems.append(f"too dark: its brightest parts reach {light:.0f} of 255, {config.min_light:.0f} are needed")
    elif deviation < config.min_contrast:
        problems.append(f"nothing to see: its contrast is {deviation:.1f} of 255, {config.min_contrast:g} are needed")
    elif sharpness < config.min_sharpness:
        problems.append(f"blurred: its sharpness is {sharpness:.4f}, {config.min_sharpness:g} is needed")
    return Quality(width, height, deviation, light, sharpness, tuple(problems))


def checked_quality(image: Image, name: str, *, force: bool = False) -> Quality:
    """Measure a picture that somebody is to be known by.

    Raises:
        PictureError: it is too poor, and not forced; `name` is what the error calls it.
    """
    quality = quality_of(image)
    if not (quality.good or force):
        raise PictureError(name, f"poor quality: {'; '.join(quality.problems)}. Use another picture, or force this one")
    return quality


def _luma(image: Image) -> NDArray[np.float64]:
    """Rec. 601 luma `(H, W)` in [0, 255], the longer side at most `_SIDE`; small pictures are not enlarged."""
    gray = image.convert("L")
    scale = _SIDE / max(gray.size)
    if scale < 1:
        gray = gray.resize((max(1, round(gray.width * scale)), max(1, round(gray.height * scale))), reducing_gap=3.0)
    return np.asarray(gray, dtype=np.float64)


def _laplacian(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the four neighbours less four times the pixel, `(H, W)`, edges repeated."""
    around = np.pad(luma, 1, mode="edge")
    laplacian: NDArray[np.float64] = (
        around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:] - 4.0 * luma
    )
    return laplacian
