"""The faces that an encoder found, marked on the picture and numbered as the results beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageDraw, ImageFont

from search.pictures.decode import load_picture
from search.pictures.thumbnails import jpeg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search import Crop
    from search.types import Picture

SIDE = 960
"""Longest side of the marked picture in pixels."""
LINE, OUTLINE = "#ffffff", "#101214"
"""Two colours, one of which stands out from any picture."""


def boxed(picture: Picture, boxes: Sequence[Crop]) -> bytes:
    """Draw the boxes on a picture, each with its number, and return a JPEG; raises PictureError."""
    image = load_picture(picture, target=SIDE)
    image.thumbnail((SIDE, SIDE))
    draw, width = ImageDraw.Draw(image), max(2, max(image.size) // 240)
    font = ImageFont.load_default(max(12, max(image.size) // 30))
    for number, box in enumerate(boxes, 1):
        left, top, right, bottom = (
            share * side for share, side in zip(box.ends, (*image.size, *image.size), strict=True)
        )
        draw.rectangle((left - width, top - width, right + width, bottom + width), outline=OUTLINE, width=width)
        draw.rectangle((left, top, right, bottom), outline=LINE, width=width)
        place = (left + 2 * width, top + width)
        draw.rectangle(draw.textbbox(place, f" {number} ", font=font), fill=OUTLINE)
        draw.text(place, f" {number} ", fill=LINE, font=font)
    return jpeg(image, quality=90)
