"""Read the time and the camera of a picture from its EXIF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from search.errors import PictureError
from search.pictures.containers.jpeg_xl import exif_of
from search.pictures.containers.raw_previews import exif_of_raw
from search.pictures.formats import Format, sniff
from search.pictures.limits import MOST_EXIF_BYTES, structure_excess
from search.pictures.plugin_warnings import quiet_plugins
from search.pictures.source import read_file
from search.text import without_controls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL.Image import Exif, Image

_EXIF = 0x8769
_MAKE, _MODEL = 0x010F, 0x0110  # JEITA CP-3451, section 4.6.4 C
_TAKEN, _OFFSET = 0x9003, 0x9011  # DateTimeOriginal, OffsetTimeOriginal: JEITA CP-3451, section 4.6.5 F
_FRACTION = 0x9291  # SubSecTimeOriginal
_LONGEST = 100
"""Maximum length of a camera's name in characters."""
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF")
"""MPO is opened as JPEG. If it were listed, Pillow would try it first and fail before trying the others."""
_MARKS: dict[Format, tuple[bytes, ...]] = {
    "JPEG": (b"Exif\0",),
    "PNG": (b"eXIf", b"Raw profile type"),
    "WebP": (b"EXIF",),
    "AVIF": (b"Exif",),
    "HEIF": (b"Exif",),
    "TIFF": (b"",),
    "JPEG XL": (b"Exif",),
    "raw": (b"",),
}
"""Byte sequences that must occur in a file of each format if it has EXIF. The search costs less than opening the
picture again; for a PNG, Pillow would decode every pixel. EXIF of GIF, BMP and PSD is not read."""


@dataclass(frozen=True, slots=True)
class PictureExif:
    """The EXIF values that an index stores; None for values that the picture lacks."""

    taken: datetime | None = None
    """Time of the shutter in UTC, to the second. Without a time zone, this machine's is assumed."""
    camera: str | None = None
    """Make and model."""


NO_EXIF = PictureExif()


def read_exif(data: bytes) -> PictureExif:
    """Read EXIF from the bytes of a file; damaged EXIF counts as none."""
    kind = sniff(data)
    if kind is None or not any(mark in data for mark in _MARKS.get(kind, ())):
        return NO_EXIF
    if structure_excess(kind, data) is not None:
        return NO_EXIF
    try:
        with quiet_plugins():
            exif = _tags(data, kind)
            return NO_EXIF if exif is None else PictureExif(_moment(exif.get_ifd(_EXIF)), _camera(exif))
    except Exception:  # plugins raise nearly any exception: see search.pictures.decode
        return NO_EXIF


def read_exposure(data: bytes) -> tuple[str, str]:
    """Time of the shutter and fraction of that second as the camera wrote them; empty strings if it did not.

    Two pictures that differ in either were taken at different times, however alike they look.
    """
    kind = sniff(data)
    if kind is None or not any(mark in data for mark in _MARKS.get(kind, ())):
        return "", ""
    if structure_excess(kind, data) is not None:
        return "", ""
    try:
        with quiet_plugins(), _open_undecoded(data, kind) as image:
            if len(image.info.get("exif", b"")) > MOST_EXIF_BYTES:
                return "", ""
            details: Mapping[int, Any] = image.getexif().get_ifd(_EXIF)
            return _text(details.get(_TAKEN)), _text(details.get(_FRACTION))
    except Exception:  # plugins raise nearly any exception: see search.pictures.decode
        return "", ""


def taken_at(file: Path) -> datetime | None:
    """Read the time of the shutter from a file, in UTC; None if there is none or the file cannot be read."""
    try:
        return read_exif(read_file(file)).taken
    except PictureError:
        return None


def _tags(data: bytes, kind: Format) -> Exif | None:
    if kind == "JPEG XL":
        return _loaded(exif_of(data))
    if kind == "raw":
        return _loaded(exif_of_raw(data))
    with _open_undecoded(data, kind) as image:
        return None if len(image.info.get("exif", b"")) > MOST_EXIF_BYTES else image.getexif()


def _loaded(block: bytes | None) -> Exif | None:
    from PIL.Image import Exif

    if not block:
        return None
    exif = Exif()
    exif.load(block)
    return exif


def _open_undecoded(data: bytes, kind: Format) -> Image:
    """Open a picture without decoding its pixels."""
    import PIL.Image

    if kind != "HEIF":
        return PIL.Image.open(io.BytesIO(data), formats=_FORMATS)
    image: Image = import_module("pillow_heif").HeifImageFile(io.BytesIO(data))
    return image


def _moment(details: Mapping[int, Any]) -> datetime | None:
    text, offset = _text(details.get(_TAKEN)), _text(details.get(_OFFSET))
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        if offset:
            moment = datetime.strptime(f"{text} {offset}", "%Y:%m:%d %H:%M:%S %z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # the last two: a year outside this platform's range
        return None


def _camera(tags: Mapping[int, Any]) -> str | None:
    """Make and model without repetition: `Canon EOS 5D`, not `Canon Canon EOS 5D`."""
    make, model = _text(tags.get(_MAKE)), _text(tags.get(_MODEL))
    if make and model.casefold().startswith(make.split()[0].casefold()):  # NIKON CORPORATION, NIKON D90
        make = ""
    return f"{make} {model}".strip()[:_LONGEST].strip() or None


def _text(value: Any) -> str:
    """The text of a tag without padding (nulls and blanks) and without control characters."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join(without_controls(value.split("\0")[0]).split())
