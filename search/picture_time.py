"""When a picture was taken, as its EXIF says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from search.plugin_warnings import quiet_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXIF = 0x8769
_TAKEN, _OFFSET = 0x9003, 0x9011  # DateTimeOriginal, OffsetTimeOriginal: JEITA CP-3451, section 4.6.5 F
_FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "WEBP")


def taken_at(file: Path) -> datetime | None:
    """Read the time of the shutter from a file, in UTC; None where there is none, or it is damaged.

    A camera that does not tell its time zone is taken to stand in that of this machine.
    """
    from PIL import Image

    try:
        with quiet_plugins(), Image.open(file, formats=_FORMATS) as image:
            tags: Mapping[int, object] = image.getexif().get_ifd(_EXIF)
            text, offset = str(tags[_TAKEN]).strip("\0 "), str(tags.get(_OFFSET, "")).strip("\0 ")
            moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
            if offset:
                moment = datetime.strptime(f"{text} {offset}", "%Y:%m:%d %H:%M:%S %z")
            return moment.astimezone(UTC)
    except Exception:  # plugins raise nearly anything: see search.images.decode
        return None
