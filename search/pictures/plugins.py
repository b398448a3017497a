"""Open each format with exactly one Pillow plugin; no other plugin sees the bytes."""

from __future__ import annotations

import io
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from search.pictures.formats import Format

PLUGINS: dict[Format, tuple[str, str]] = {
    # JpegImageFile instead of Pillow's factory: an MPO is a JPEG followed by more pictures, and only the first is read.
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "PSD": ("PIL.PsdImagePlugin", "PsdImageFile"),
}


def open_picture(kind: Format, data: bytes) -> ImageFile:
    """Open a file with the plugin of its format, without decoding it.

    The plugin's class is called directly: Image.open would compare the size with Pillow's global limit, and warn.
    """
    module, plugin = PLUGINS[kind]
    image: ImageFile = getattr(import_module(module), plugin)(io.BytesIO(data))
    return image
