"""Measure whether a picture is good enough for recognition: large enough, bright enough and sharp.

All but the size is measured at one fixed size, so that a scene gives the same values whichever camera took it.
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
"""Variance of the Laplacian that rounding to integers causes: 1/12 per pixel, times the squared weights 4 * 1 + 16.
If it were not subtracted, a picture blurred until hardly any contrast is left would look sharp by rounding alone."""


@dataclass(frozen=True)
class QualityConfig:
    """Limits below which a picture is poor."""

    min_side: int = 20
    """Minimum length of the shorter side in pixels."""
    min_contrast: float = 4.0
    """Minimum standard deviation of the luma, on a scale to 255: below it nothing is recognisable."""
    min_light: float = 45.0
    """Luma, on a scale to 255, that the brightest hundredth of the picture must reach."""
    min_sharpness: float = 0.003
    """Fine detail as a share of all contrast; see `Quality.sharpness`."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The measurements of a picture, and its problems in words."""

    width: int
    """Pixels, upright, before any reduction."""
    height: int
    contrast: float
    """Standard deviation of the luma, in [0, 127.5]."""
    light: float
    """99th percentile of the luma, in [0, 255]."""
    sharpness: float
    """Variance of the Laplacian, corrected for rounding, divided by sixteen times the variance of the luma, at a fixed
    size: 0 for a flat surface, about 1 for noise. Blur lowers it; darkness hardly does.
    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, without the division."""
    problems: tuple[str, ...] = ()
    confidence: float | None = None
    """Score of the detector that found this part of a picture; None for a whole picture."""

    @property
    def good(self) -> bool:
        """Whether the picture has no problem."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "problems": list(self.problems)}


def quality_of(image: Image, config: QualityConfig | None = None) -> Quality:
    """Measure an upright RGB picture as returned by `search.pictures.decode.load_picture`."""
    config = config or QualityConfig()
    width, height = image.info.get("full_size", image.size)
    luma = _luma(image)
    deviation, light = float(luma.std()), float(np.quantile(luma, 0.99))
    detail = max(0.0, float(_laplacian(luma).var()) - _ROUNDING)
    sharpness = detail / (16.0 * deviation**2) if deviation > 0 else 0.0
    problems = []
    if min(width, height) < config.min_side:
        problems.append(f"too small: {width} x {height} pixels, at least {config.min_side} per side are needed")
    if light < config.min_light:
        problems.append(f"too dark: its brightest parts reach {light:.0f} of 255, {config.min_light:.0f} are needed")
    elif deviation < config.min_contrast:
        problems.append(f"no contrast: it is {deviation:.1f} of 255, {config.min_contrast:g} are needed")
    elif sharpness < config.min_sharpness:
        problems.append(f"blurred: its sharpness is {sharpness:.4f}, {config.min_sharpness:g} is needed")
    return Quality(width, height, deviation, light, sharpness, tuple(problems))


def refuse_poor(quality: Quality, name: str) -> None:
    """Raise PictureError if a picture to be enrolled or identified is poor; the error refers to it as `name`."""
    if not quality.good:
        raise PictureError(name, f"poor quality: {'; '.join(quality.problems)}. Use another picture, or force this one")


def _luma(image: Image) -> NDArray[np.float64]:
    """Rec. 601 luma `(H, W)` in [0, 255], the longer side at most `_SIDE`; small pictures are not enlarged."""
    gray = image.convert("L")
    scale = _SIDE / max(gray.size)
    if scale < 1:
        gray = gray.resize((max(1, round(gray.width * scale)), max(1, round(gray.height * scale))), reducing_gap=3.0)
    return np.asarray(gray, dtype=np.float64)


def _laplacian(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the four neighbours minus four times the pixel, `(H, W)`, with repeated edges."""
    around = np.pad(luma, 1, mode="edge")
    laplacian: NDArray[np.float64] = (
        around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:] - 4.0 * luma
    )
    return laplacian
