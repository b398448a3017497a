"""Altered copies of pictures: what happens to a picture on its way through the world."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageEnhance
from PIL.Image import Resampling, Transpose


def crop(image: Image.Image) -> Image.Image:
    """Keep 70 % of each side, nearer the left and the bottom."""
    width, height = image.size
    left, top = round(width * 0.1), round(height * 0.2)
    return image.crop((left, top, left + round(width * 0.7), top + round(height * 0.7)))


def mirror(image: Image.Image) -> Image.Image:
    """Swap left and right."""
    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


def tilt(image: Image.Image) -> Image.Image:
    """Turn by 12 degrees within the frame; the corners become black."""
    return image.rotate(12, Resampling.BICUBIC)


def quarter_turn(image: Image.Image) -> Image.Image:
    """Turn by 90 degrees."""
    return image.transpose(Transpose.ROTATE_90)


def small_jpeg(image: Image.Image) -> Image.Image:
    """A quarter of the pixels, then JPEG at quality 20."""
    small = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Resampling.BILINEAR)
    file = BytesIO()
    small.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def fade(image: Image.Image) -> Image.Image:
    """Wash the colours out: 40 % of the saturation, 60 % of the contrast, brighter."""
    dull = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.4)).enhance(0.6)
    return ImageEnhance.Brightness(dull).enhance(1.2)


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "crop to 70 % of each side": crop,
    "mirrored": mirror,
    "turned by 12 degrees": tilt,
    "turned by 90 degrees": quarter_turn,
    "JPEG, quality 20, a quarter of the pixels": small_jpeg,
    "faded colours": fade,
}
