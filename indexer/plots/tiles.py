"""Resize pictures for figures, with or without a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def thumbnail(square: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize a picture `(S, S, 3)` to `(side, side, 3)`."""
    from PIL import Image

    small = Image.fromarray(np.ascontiguousarray(square)).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)


def framed(square: NDArray[np.uint8], side: int, color: str, border: int) -> NDArray[np.uint8]:
    """Resize a picture to `(side, side, 3)`, including a border of `border` pixels in a colour `#rrggbb`."""
    tile = np.empty((side, side, 3), dtype=np.uint8)
    tile[:] = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    tile[border:-border, border:-border] = thumbnail(square, side - 2 * border)
    return tile
