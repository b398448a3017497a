"""Small copies of pictures, with a frame around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


def thumbnail(square: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize a picture `(S, S, 3)` to `(side, side, 3)`."""
    from PIL import Image

    small = Image.fromarray(np.ascontiguousarray(square)).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)


def framed(square: NDArray[np.uint8], side: int, color: str, border: int) -> NDArray[np.uint8]:
    """Resize a picture to `(side, side, 3)` including a border of so many pixels in a colour, `#rrggbb`."""
    tile = np.empty((side, side, 3), dtype=np.uint8)
    tile[:] = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    tile[border:-border, border:-border] = thumbnail(square, side - 2 * border)
    return tile


def padded_square(image: Image, side: int) -> NDArray[np.uint8]:
    """Fit a whole picture into a white `(side, side, 3)`."""
    from PIL import ImageOps

    return np.asarray(ImageOps.pad(image.convert("RGB"), (side, side), color="white"))
