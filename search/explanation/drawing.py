"""Draw an explanation: both pictures side by side, the parts that make them similar in colour, and a legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from search.explanation.heat_maps import Explanation, Heat
    from search.types import Floats, Picture

# The colour map "inferno" of matplotlib (CC0), whose steps look equally large, also in grey and to the colour-blind.
# Its black end is left out: it would hide the picture.
_INFERNO = (
    *((87, 16, 110), (113, 25, 110), (138, 34, 106), (163, 44, 97), (188, 55, 84), (210, 70, 68), (228, 90, 49)),
    *((241, 115, 29), (249, 142, 9), (252, 172, 17), (249, 203, 53), (242, 234, 105), (252, 255, 164)),
)
_SIDE = 480
"""Longer side of a picture, in pixels."""
_EDGE, _GAP, _LINE = 28, 24, 26
_WIDEST_TEXT = 600
_LEAST = 0.03
"""Smallest fall that is drawn in the last colour: the maps of pictures that have little in common stay pale."""
_OPACITY = 0.6
_CLEAR, _FULL = 0.15, 0.85
"""Shares of the largest fall up to which no colour is laid on, and from which its opacity is full."""
_FADED, _DIMMED = 0.5, 0.8
"""Saturation and brightness that are left where nothing is hot."""


@dataclass(frozen=True, slots=True)
class _Theme:
    ground: str
    ink: str
    muted: str


_LIGHT, _DARK = _Theme("#ffffff", "#1f2933", "#56616d"), _Theme("#0e1117", "#fafafa", "#a9b0bb")


def draw(explanation: Explanation, a: Picture, b: Picture, *, dark: bool = False) -> Image.Image:
    """Draw both pictures with their heat maps as one RGB picture with its own ground, light or dark.

    Raises:
        PictureError: a picture cannot be read.
    """
    theme = _DARK if dark else _LIGHT
    shown = [overlay(picture, heat) for picture, heat in ((a, explanation.a), (b, explanation.b))]
    inner = max(sum(each.width for each in shown) + _GAP, _WIDEST_TEXT)
    height = max(each.height for each in shown)
    sheet = Image.new("RGB", (inner + 2 * _EDGE, 2 * _EDGE + 4 * _LINE + height + _GAP), theme.ground)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    title = f"similarity {explanation.similarity:.3f}, distance {explanation.distance:.3f}"
    pen.text((_EDGE, _EDGE - 8), title, theme.ink, ImageFont.load_default(20))
    left, above = _EDGE, _EDGE + _LINE
    for each, heat in zip(shown, (explanation.a, explanation.b), strict=True):
        sheet.paste(each, (left, above + height - each.height))
        pen.text((left, above + height + 6), f"most: {scale_of(heat):.2f}", theme.muted, font)
        left += each.width + _GAP
    _legend(pen, sheet, above + height + _LINE + _GAP, theme)
    return sheet


def scale_of(heat: Heat) -> float:
    """The fall of the similarity that has the last colour."""
    return max(_LEAST, float(heat.values.max()))


def overlay(picture: Picture, heat: Heat, side: int = _SIDE) -> Image.Image:
    """Draw a heat map over a picture, with a longer side of `side` pixels; falls up to `scale_of` are coloured.

    Raises:
        PictureError: the picture cannot be read.
    """
    image = load_picture(picture, target=side)
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    hot = np.clip(_over(heat, width, height) / scale_of(heat), 0, 1)[..., None]
    grey = (pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[..., None]
    cold = (grey + (pixels - grey) * _FADED) * _DIMMED
    kept = cold + (pixels - cold) * hot
    opacity = _OPACITY * np.clip((hot - _CLEAR) / (_FULL - _CLEAR), 0, 1)
    return Image.fromarray(np.rint(kept * (1 - opacity) + colours(hot[..., 0]) * opacity).astype(np.uint8))


def colours(hot: Floats) -> Floats:
    """The colours `(..., 3) float32` of values from 0 to 1."""
    table = np.array(_INFERNO, dtype=np.float32)
    steps = np.linspace(0, 1, len(table))
    return np.stack([np.interp(hot, steps, table[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def _over(heat: Heat, width: int, height: int) -> Floats:
    """The heat of each pixel `(height, width)`, interpolated between the centres of cells; 0 outside of its area."""
    left, top, right, bottom = (round(end * side) for end, side in zip(heat.area, (width, height) * 2, strict=True))
    size = max(1, right - left), max(1, bottom - top)
    whole = Image.new("F", (width, height))
    whole.paste(Image.fromarray(heat.values).resize(size, Image.Resampling.BICUBIC), (left, top))
    return np.asarray(whole)


def _legend(pen: ImageDraw.ImageDraw, sheet: Image.Image, y: int, theme: _Theme) -> None:
    font, wide, high = ImageFont.load_default(15), 180, 12
    ramp = np.broadcast_to(np.linspace(0, 1, wide, dtype=np.float32), (high, wide))
    pen.text((_EDGE, y), "0", theme.muted, font)
    sheet.paste(Image.fromarray(np.rint(colours(ramp)).astype(np.uint8)), (_EDGE + 14, y + 4))
    pen.text((_EDGE + wide + 22, y), "most: similarity that is lost if this part is hidden", theme.muted, font)
