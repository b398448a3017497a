"""Every kind of pixel to 8-bit RGB.

Pillow's own `convert("RGB")` clips 16-bit values at 255 and drops transparency, leaving whatever colour hides behind
it; the rules here are:

- 16 bits (`I;16`): v / 257, rounded, so that 65535 becomes 255.
- 32-bit integers and floats (`I`, `F`): such files do not say where white is. It is taken to be the top of the
  smallest of the ranges 0..1 (floats only), 0..255 and 0..65535 that holds all values; where none does, the lowest
  value becomes black and the highest white. Values that are not finite are an error.
- Anything transparent is laid over white.
- CMYK, YCbCr, LAB and HSV by Pillow's plain formulas. An ICC profile is ignored: neighbours are found by what
  a picture shows, and a profile changes that by little, and costs more than the decoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

_CHANNELS_TO_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_ROUNDING = 1e-6
"""How far a float array may leave [0, 1]: what float32 arithmetic leaves behind, no more."""


_BAND = 1 << 21
"""Pixels that are converted at a time: few enough that what conversion needs in between costs next to nothing."""


def reduced_rgb(image: Image.Image, factor: int) -> Image.Image:
    """Convert a loaded picture and reduce it by a whole factor, in bands of rows.

    The same pixels as `to_rgb(image).reduce(factor)`, without a second and third copy of a large picture: its whole
    only ever exists as the plugin decoded it.
    """
    width, height = image.size
    rows = max(1, _BAND // (width * factor)) * factor
    if rows >= height:
        rgb = to_rgb(image)
        return rgb.reduce(factor) if factor > 1 else rgb
    extremes = value_range(image)
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        band = to_rgb(image.crop((0, top, width, min(top + rows, height))), extremes)
        result.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    return result


def to_rgb(image: Image.Image, extremes: tuple[float, float] | None = None) -> Image.Image:
    """Convert a loaded picture of any mode; one that is opaque RGB already is returned as it is.

    Args:
        image: the picture, or a band of one.
        extremes: of a band of mode `I` or `F`, the `value_range` of the whole picture.

    Raises:
        ValueError: a mode that nothing converts, or values that are not finite.
    """
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        lowest, highest = extremes or _extremes(values)
        return Image.fromarray(_to_8_bit_by_range(values, lowest, highest)).convert("RGB")
    if image.mode in ("RGBa", "La"):
        return _premultiplied_over_white(image)
    if image.has_transparency_data:
        return _over_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def value_range(image: Image.Image) -> tuple[float, float] | None:
    """Lowest and highest value of a picture of mode `I` or `F`; None of any other mode."""
    if image.mode not in ("I", "F"):
        return None
    rows = max(1, _BAND // image.width)
    bands = (image.crop((0, top, image.width, min(top + rows, image.height))) for top in range(0, image.height, rows))
    found = [_extremes(np.asarray(band)) for band in bands]
    return min(low for low, _ in found), max(high for _, high in found)


def array_to_rgb(array: NDArray[Any]) -> Image.Image:
    """Make a picture of `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`: RGB, alpha last, over white.

    Args:
        array: uint8; bool; uint16, 65535 being white; or floats in [0, 1].

    Raises:
        ValueError: any other shape, dtype or range, or NaN.
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
        # Written so that a NaN, which compares false with everything, fails too.
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


def _to_8_bit_by_range(values: NDArray[Any], lowest: float, highest: float) -> Bytes:
    tops = (1, 255, 65535) if values.dtype.kind == "f" else (255, 65535)
    top = next((top for top in tops if lowest >= 0 and highest <= top), None)
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


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    levels = _to_8_bit(values)
    key = image.info.get("transparency")  # a PNG may call one grey level transparent
    if isinstance(key, int):
        levels[values == key] = 255
    return Image.fromarray(levels).convert("RGB")


def _premultiplied_over_white(image: Image.Image) -> Image.Image:
    """Colour already times alpha, so white shows by 255 - alpha; going through RGBA would divide and lose precision."""
    bands = np.asarray(image).astype(np.uint16)
    levels = np.minimum(bands[:, :, :-1] + (255 - bands[:, :, -1:]), 255).astype(np.uint8)
    return Image.fromarray(np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels)


def _over_white(image: Image.Image) -> Image.Image:
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # The key of a 16-bit PNG, whose pixels Pillow has cut to their upper byte.
        image.info["transparency"] = tuple(level >> 8 for level in key)
    colours = image.convert("RGBA")
    white = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(white, colours).convert("RGB")
