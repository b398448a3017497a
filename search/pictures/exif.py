"""When a picture was taken and with what, as its EXIF says."""

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
"""Characters of a camera's name."""
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF")
"""MPO is opened as JPEG: named here, Pillow would fail at it before it came to the others."""
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
"""Bytes without which a file of a format has no EXIF: finding none costs less than opening the picture again, and of
a PNG Pillow decodes every pixel to be sure. Of GIF, BMP and PSD none is read."""


@dataclass(frozen=True, slots=True)
class PictureExif:
    """What is kept of a picture's EXIF; None where it says nothing."""

    taken: datetime | None = None
    """Of the shutter, in UTC, to the second. A camera that tells no time zone is taken to stand in this machine's."""
    camera: str | None = None
    """Make and model."""


NO_EXIF = PictureExif()


def read_exif(data: bytes) -> PictureExif:
    """Read it from the bytes of a file; what is damaged says nothing."""
    kind = sniff(data)
    if kind is None or not any(mark in data for mark in _MARKS.get(kind, ())):
        return NO_EXIF
    if structure_excess(kind, data) is not None:
        return NO_EXIF
    try:
        with quiet_plugins():
            exif = _tags(data, kind)
            return NO_EXIF if exif is None else PictureExif(_moment(exif.get_ifd(_EXIF)), _camera(exif))
    except Exception:  # plugins raise nearly anything: see search.pictures.decode.decode
        return NO_EXIF


def read_exposure(data: bytes) -> tuple[str, str]:
    """When the shutter opened, and the fraction of that second, as the camera wrote them; empty where it did not.

    Two pictures in which one of them differs were taken at different times, however alike they look.
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
    except Exception:  # plugins raise nearly anything: see search.pictures.decode.decode
        return "", ""


def taken_at(file: Path) -> datetime | None:
    """Read the time of the shutter from a file, in UTC; None where there is none, or it cannot be read."""
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
    except (ValueError, OverflowError, OSError):  # the last two: a year that this machine's clock does not know
        return None


def _camera(tags: Mapping[int, Any]) -> str | None:
    """Make and model in one name, as people say it: `Canon EOS 5D`, not `Canon Canon EOS 5D`."""
    make, model = _text(tags.get(_MAKE)), _text(tags.get(_MODEL))
    if make and model.casefold().startswith(make.split()[0].casefold()):  # NIKON CORPORATION, NIKON D90
        make = ""
    return f"{make} {model}".strip()[:_LONGEST].strip() or None


def _text(value: Any) -> str:
    """A tag's text without the nulls and blanks that cameras pad it with, and without controls."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join(without_controls(value.split("\0")[0]).split())
