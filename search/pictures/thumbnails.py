"""Thumbnails of pictures of any shape: never cropped, and at least one pixel on each side."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from search.errors import PictureError
from search.pictures.decode import load_picture, picture_name
from search.text import reason_of

if TYPE_CHECKING:
    from search.types import Picture


def thumbnail(picture: Picture, side: int, *, ground: str | None = None) -> Image.Image:
    """Read a picture with a longer side of at most `side` pixels, or fitted into a square of the colour `ground`.

    Raises:
        PictureError: no thumbnail can be made. Every failure raises it, so that a page can show the reason instead.
    """
    try:
        image = load_picture(picture, target=side)
        return fitted(image, side) if ground is None else on_square(image, side, ground)
    except PictureError:
        raise
    except Exception as error:  # no memory, say, or what a version of Pillow makes of an odd shape
        raise PictureError(picture_name(picture), f"no thumbnail can be made of it ({reason_of(error)})") from error


def fitted(image: Image.Image, side: int) -> Image.Image:
    """Shrink a picture until its longer side has `side` pixels; a smaller picture is returned unchanged."""
    return _scaled(image, side) if max(image.size) > side else image


def on_square(image: Image.Image, side: int, ground: str) -> Image.Image:
    """Scale a picture up or down to fit into a square, and centre it.

    `ImageOps.pad` rounds differently: a picture more than `2 * side` times as high as it is wide vanishes, or raises
    an error in some versions of Pillow.
    """
    small = _scaled(image, side).convert("RGB")
    square = Image.new("RGB", (side, side), ground)
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Encode a picture as JPEG.

    Raises:
        PictureError: the picture has more than 65,535 pixels on a side, or memory is insufficient.
    """
    data = io.BytesIO()
    try:
        image.save(data, "JPEG", quality=quality)
    except Exception as error:
        raise PictureError(picture_name(image), f"no JPEG can be made of it ({reason_of(error)})") from error
    return data.getvalue()


def _scaled(image: Image.Image, longer: int) -> Image.Image:
    scale = longer / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BICUBIC)
