"""When a picture was taken, as its EXIF says."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

from search.picture_formats import sniff
from search.plugin_warnings import quiet_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL.Image import Image

_EXIF = 0x8769
_TAKEN, _OFFSET = 0x9003, 0x9011  # DateTimeOriginal, OffsetTimeOriginal: JEITA CP-3451, section 4.6.5 F
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF")
"""MPO is opened as JPEG: named here, Pillow would fail at it before it came to the others."""
_HEAD = 64
"""Bytes that tell what a file is."""


def taken_at(file: Path) -> datetime | None:
    """Read the time of the shutter from a file, in UTC; None where there is none, or it is damaged.

    A camera that does not tell its time zone is taken to stand in that of this machine.
    """
    try:
        with quiet_plugins(), _opened(file) as image:
            tags: Mapping[int, object] = image.getexif().get_ifd(_EXIF)
            text, offset = str(tags[_TAKEN]).strip("\0 "), str(tags.get(_OFFSET, "")).strip("\0 ")
            moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
            if offset:
                moment = datetime.strptime(f"{text} {offset}", "%Y:%m:%d %H:%M:%S %z")
            return moment.astimezone(UTC)
    except Exception:  # plugins raise nearly anything: see search.images.decode
        return None


def _opened(file: Path) -> Image:
    """Open a picture without decoding its pixels."""
    import PIL.Image

    with file.open("rb") as stream:
        is_heif = sniff(stream.read(_HEAD)) == "HEIF"
    if not is_heif:
        return PIL.Image.open(file, formats=_FORMATS)
    image: Image = import_module("pillow_heif").HeifImageFile(file)
    return image
