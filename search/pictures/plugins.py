"""The plugin that reads each format; no other one ever sees its bytes."""

from __future__ import annotations

import io
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from search.pictures.formats import Format

PLUGINS: dict[Format, tuple[str, str]] = {
    # JpegImageFile, not Pillow's factory: an MPO is a JPEG with more pictures behind it, and the first is wanted.
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
    """Open a file with the plugin of its format; nothing is decoded yet.

    By the plugin's class itself: Image.open would first compare the size with Pillow's own global limit, and warn.
    """
    module, plugin = PLUGINS[kind]
    image: ImageFile = getattr(import_module(module), plugin)(io.BytesIO(data))
    return image
