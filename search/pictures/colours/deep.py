"""Recover colours of more than eight bits whose values fill only the lowest part of their range.

Pillow keeps the upper byte of 16-bit channels: 12-bit values then reach only a sixteenth of white, in sixteen steps. In
that case the file is decoded a second time in the other byte order, which yields the lower bytes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from search.pictures.colours.sample_depth import DECLARED, top_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageFile import ImageFile

_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_KINDS = frozenset(("RGB;16", "RGBX;16", "RGBA;16", "LA;16"))
_GREY_ALPHA = "LA;16B"
"""Mode of a PNG, which Pillow decodes to RGBA and supports in one byte order only."""
_DARK = 64
"""Upper bytes below this mean that values have 14 bits at most."""
MOST_PIXELS = 50_000_000
"""Pictures with more pixels are not decoded twice: it would exceed the limits on time and memory."""
_BAND = 1 << 20
"""Pixels that are joined at a time."""


def raw_mode(image: ImageFile) -> str:
    """The raw mode of the pixels in the file, for a picture that is opened but not loaded."""
    arguments: Any = image.tile[0][3] if image.tile else ""
    mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return mode if isinstance(mode, str) else ""


def in_full_depth(image: Image.Image, mode: str, reopen: Callable[[], ImageFile]) -> Image.Image:
    """Rescale a loaded picture by the range of its values if Pillow's eight bits hold only the lowest part of it.

    Args:
        image: the picture; it is returned unchanged if nothing needs to be done.
        mode: its `raw_mode`.
        reopen: opens the file once more.
    """
    if mode[:-1] not in _KINDS or mode[-1] not in _OTHER or image.width * image.height > MOST_PIXELS:
        return image
    highest = [high for _, high in cast("tuple[tuple[int, int], ...]", image.getextrema())]
    if max(highest[:3]) >= _DARK:
        return image
    lower = _lower_bytes(reopen(), mode)
    largest = max(int(_joined(image, lower, box)[:, :, :3].max()) for box in _boxes(image))
    top = top_of(largest, image.info.get(DECLARED))
    if top is None or top <= 0:
        return image
    for box in _boxes(image):
        values = _joined(image, lower, box).astype(np.float32)
        levels = np.floor(values * (255 / top) + 0.5).clip(0, 255).astype(np.uint8)
        if levels.shape[2] == 4 and highest[3] >= _DARK:
            levels[:, :, 3] = np.asarray(image.crop(box))[:, :, 3]  # alpha uses its full range, unlike the colours
        image.paste(Image.fromarray(levels), box)
    return image


def _lower_bytes(image: ImageFile, mode: str) -> Image.Image:
    other = "RGBA" if mode == _GREY_ALPHA else mode[:-1] + _OTHER[mode[-1]]
    image.tile = [tile._replace(args=_exchanged(tile.args, other)) for tile in image.tile]
    image.load()
    if mode != _GREY_ALPHA:
        return image
    grey, alpha = image.getchannel(1), image.getchannel(3)  # each value is two bytes: grey, then alpha
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def _exchanged(arguments: Any, other: str) -> Any:
    return (other, *arguments[1:]) if isinstance(arguments, tuple) else other


def _boxes(image: Image.Image) -> list[tuple[int, int, int, int]]:
    rows = max(1, _BAND // image.width)
    return [(0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows)]


def _joined(upper: Image.Image, lower: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray[Any, Any]:
    high, low = (np.asarray(image.crop(box)).astype(np.uint16) for image in (upper, lower))
    return high * np.uint16(256) + low
