"""Convert every kind of pixel to 8-bit RGB.

Pillow's own `convert("RGB")` clips 16-bit values at 255 and drops transparency, which exposes whatever colour lies
under transparent pixels. The rules here are:

- 16 bits (`I;16`): white is the highest value that the file declares, or else the top of the smallest range of 8, 10,
  12, 14 or 16 bits that holds all values (`search.pictures.colours.sample_depth`).
- 32-bit integers and floats (`I`, `F`): such files do not state their white point. It is determined in the same way;
  for floats the range 0..1 is tried first. If no range holds all values, the lowest value becomes black and the highest
  white. Non-finite values are an error.
- Transparent pixels are laid over white, or over another background if white would hide them
  (`search.pictures.colours.transparency`).
- CMYK, YCbCr, LAB and HSV are converted by Pillow's plain formulas unless there is a colour profile
  (`search.pictures.colours.profiles`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from search.pictures.colours.profiles import fits, to_srgb
from search.pictures.colours.sample_depth import DECLARED, FULL, top_of
from search.pictures.colours.transparency import WHITE, ground_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.pictures.colours.profiles import Transform

    Bytes = NDArray[np.uint8]

_CHANNELS_TO_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_ROUNDING = 1e-6
"""Tolerance for a float array to leave [0, 1]: the rounding error of float32 arithmetic."""


_BAND = 1 << 21
"""Pixels that are converted at a time, so that intermediate results need little memory."""


def reduced_rgb(image: Image.Image, factor: int, profile: bytes | None = None) -> Image.Image:
    """Convert a loaded picture and reduce it by an integer factor, in bands of rows.

    The pixels are those of `to_rgb(image).reduce(factor)`, without a second and third copy of a large picture in
    memory: only the plugin's own copy exists at full size. A colour profile is applied after the reduction.
    """
    width, height = image.size
    rows = max(1, _BAND // (width * factor)) * factor
    transform = to_srgb(profile) if profile is not None and fits(profile, image.mode) else None
    rules = Rules.of(image)
    if rows >= height:
        return _band(image, factor, rules, transform)
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        part = image.crop((0, top, width, min(top + rows, height)))
        result.paste(_band(part, factor, rules, transform), (0, top // factor))
    return result


def _band(image: Image.Image, factor: int, rules: Rules, transform: Transform | None) -> Image.Image:
    ink = image.mode == "CMYK" and transform is not None
    pixels = image if ink else to_rgb(image, rules)
    reduced = pixels.reduce(factor) if factor > 1 else pixels
    return reduced if transform is None else transform(reduced)


@dataclass(frozen=True, slots=True)
class Rules:
    """Conversion rules that apply to all bands of a picture."""

    extremes: tuple[float, float] | None
    """Lowest and highest value of a mode of more than eight bits; None for other modes."""
    ground: int = WHITE
    """Grey level of the background for transparent pixels."""

    @classmethod
    def of(cls, image: Image.Image) -> Rules:
        """Derive the rules from all pixels of a loaded picture."""
        extremes = _value_range(image)
        if not (image.mode in ("RGBa", "La") or image.has_transparency_data) or _is_opaque(image):
            return cls(extremes)
        return cls(extremes, ground_of(image, lambda band: _eight_bits(band, extremes)))


def to_rgb(image: Image.Image, rules: Rules | None = None) -> Image.Image:
    """Convert a loaded picture of any mode; an opaque RGB picture is returned unchanged.

    Args:
        image: the picture, or a band of one.
        rules: the rules of the full picture.

    Raises:
        ValueError: the mode cannot be converted, or values are not finite.
    """
    rules = rules or Rules.of(image)
    if rules.extremes is not None:
        image = _eight_bits(image, rules.extremes)
    if image.mode in ("RGBa", "La"):
        return _premultiplied_over(image, rules.ground)
    if image.has_transparency_data:
        return _over(image, rules.ground)
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_opaque(image: Image.Image) -> bool:
    """Whether a picture has an alpha channel that is opaque everywhere."""
    if image.getbands()[-1] not in ("A", "a") or "transparency" in image.info:
        return False
    lowest, _ = cast("tuple[int, int]", image.getchannel(len(image.getbands()) - 1).getextrema())
    return lowest == 255


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _value_range(image: Image.Image) -> tuple[float, float] | None:
    if not _is_deep(image):
        return None
    rows = max(1, _BAND // image.width)
    bands = (image.crop((0, top, image.width, min(top + rows, image.height))) for top in range(0, image.height, rows))
    extremes = [_extremes(np.asarray(band)) for band in bands]
    return min(low for low, _ in extremes), max(high for _, high in extremes)


def array_to_rgb(array: NDArray[Any]) -> Image.Image:
    """Make a picture from `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`: RGB, alpha last and laid over white.

    Args:
        array: uint8; bool; uint16 with white at 65535; or floats in [0, 1].

    Raises:
        ValueError: the shape, dtype or range is another, or there is a NaN.
    """
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if channels not in _CHANNELS_TO_MODE or array.size == 0:
        raise ValueError(
            f"an array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) and not empty, "
            f"channels last, but its shape is {array.shape}"
        )
    levels = np.ascontiguousarray(_array_levels(array))
    if levels.ndim == 3 and channels == 1:
        levels = levels[:, :, 0]
    return to_rgb(Image.fromarray(levels))


def _array_levels(array: NDArray[Any]) -> Bytes:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # of either byte order
        return _to_8_bit(array)
    if array.dtype.kind == "f":
        # This form also fails for NaN, which compares false with everything.
        if not (array.min() >= -_ROUNDING and array.max() <= 1 + _ROUNDING):
            raise ValueError("an array of floats must lie in [0, 1] and have no NaN: divide by 255, or use uint8")
        return _round(array.astype(np.float32) * 255)
    raise ValueError(f"an array must be uint8, bool, uint16 or float, not {array.dtype}")


def _to_8_bit(values: NDArray[Any]) -> Bytes:
    """Exactly round(v / 257) for v in 0..65535, whatever the byte order."""
    wide = values.astype(np.uint32)
    wide += 128
    wide //= 257
    return wide.astype(np.uint8)


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    lowest, highest = float(values.min()), float(values.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError("pixel values that are not finite (NaN or infinity)")
    return lowest, highest


def _eight_bits(image: Image.Image, extremes: tuple[float, float] | None) -> Image.Image:
    """Convert a band of more than eight bits to `L`, or to `LA` if a PNG declares one level transparent."""
    if extremes is None:
        return image
    values = np.asarray(image)
    levels = Image.fromarray(_by_range(values, extremes, image.info.get(DECLARED)))
    key = image.info.get("transparency")
    if isinstance(key, int):
        levels.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return levels


def _by_range(values: NDArray[Any], extremes: tuple[float, float], declared: Any) -> Bytes:
    lowest, highest = extremes
    top = top_of(highest, declared) if lowest >= 0 else None
    if values.dtype.kind == "f" and 0 <= lowest <= highest <= 1:
        top = 1
    if top == FULL and values.dtype.kind == "u":
        return _to_8_bit(values)
    black, span = (0.0, float(top)) if top is not None else (lowest, highest - lowest or 1.0)
    levels = values.astype(np.float64)
    levels -= black
    levels *= 255
    levels /= span
    return _round(levels)


def _round(levels: NDArray[Any]) -> Bytes:
    """Round the floats in place."""
    levels += 0.5
    np.floor(levels, out=levels)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def _premultiplied_over(image: Image.Image, ground: int) -> Image.Image:
    """Add the background to premultiplied colours; converting through RGBA would divide, which is less precise."""
    bands = np.asarray(image).astype(np.uint32)
    shown = ((255 - bands[:, :, -1:]) * ground + 127) // 255
    levels = np.minimum(bands[:, :, :-1] + shown, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels)


def _over(image: Image.Image, ground: int) -> Image.Image:
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # The key is that of a 16-bit PNG, while Pillow has reduced the pixels to their upper byte.
        image.info["transparency"] = tuple(level >> 8 for level in key)
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, (ground,) * 3), colours).convert("RGB")
