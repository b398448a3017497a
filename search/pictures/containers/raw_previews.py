"""Find the previews inside a raw photo, and the size of the photo itself.

Sources: TIFF/EP; the DNG specification 1.7; for Fujifilm's RAF, Canon's CR3 and Panasonic's RW2 the tables of ExifTool.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from search.pictures.containers.tiff_pages import (
    COMPRESSION,
    DEFAULT_CROP,
    JPEG_BYTES,
    JPEG_START,
    ORIENTATION,
    PHOTOMETRIC,
    STRIP_BYTES,
    STRIPS,
    TILE_OFFSETS,
    Directory,
    directories,
    is_tiff,
)
from search.pictures.limits import jpeg_size

if TYPE_CHECKING:
    from collections.abc import Iterator

_OLD_JPEG, _JPEG = 6, 7
_SHOWN = frozenset((0, 1, 2, 6))
"""Photometric interpretations of displayable pictures: grey, RGB and YCbCr."""
_HEADERS = 1 << 20
"""Number of bytes of a JPEG within which its first scan begins."""
_LARGE_PREVIEW = 1_000
"""Length in pixels of the shorter side of a preview from which developing the photo gains nothing."""
_MOST_JPEGS = 32
"""Maximum number of JPEGs to try if no directory gives the place of one."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture inside a raw photo that can be read as a file."""

    kind: Literal["JPEG", "TIFF"]
    size: tuple[int, int]
    start: int
    """Offset of a JPEG, or of the directory of a TIFF."""
    end: int = 0
    turns_itself: bool = False
    """Whether the directory states the orientation."""

    def file(self, data: bytes) -> bytes:
        """Extract it from the raw photo: a JPEG, or the same file with this directory as the first."""
        if self.kind == "JPEG":
            return data[self.start : self.end]
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        return data[:2] + (42).to_bytes(2, order) + self.start.to_bytes(4, order) + data[8:]


@dataclass(frozen=True, slots=True)
class RawPhoto:
    """Properties of a raw photo that are known without developing it."""

    size: tuple[int, int]
    """Size on the sensor, before turning; (0, 0) if it is unknown."""
    orientation: int
    """EXIF orientation, 1 to 8."""
    previews: list[Preview]
    """Largest first."""

    @property
    def has_large_preview(self) -> bool:
        """Whether a preview, as the camera developed it, has the resolution that an encoder needs."""
        return bool(self.previews) and _is_large(self.previews[0], self.size)


def read_raw(data: bytes) -> RawPhoto:
    """Read size, orientation and previews; damaged parts are skipped."""
    pages = list(directories(data)) if is_tiff(data) else _canon_pages(data)
    size = _size(data, pages)
    usable = (preview for preview in _previews(data, pages) if preview.kind == "JPEG" or _is_large(preview, size))
    previews = sorted(usable, key=lambda preview: -preview.size[0] * preview.size[1])
    turn = pages[0].number(ORIENTATION, 1) if pages else 1
    return RawPhoto(size, turn if 1 <= turn <= 8 else 1, previews)


def exif_of_raw(data: bytes) -> bytes | None:
    """The EXIF block: the file itself if it is a TIFF, else that of a Canon box or of the largest preview."""
    if is_tiff(data):
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        return data if b"+" in data[2:4] else data[:2] + (42).to_bytes(2, order) + data[4:]
    if (at := data.find(b"CMT1", 0, _HEADERS)) >= 0:
        return data[at + 4 : at + 4 + _HEADERS]
    for preview in read_raw(data).previews:
        head = preview.file(data)[:_HEADERS]
        if (at := head.find(b"Exif\0\0")) >= 0:
            return head[at : at + 65_536]
    return None


def _is_large(preview: Preview, size: tuple[int, int]) -> bool:
    """Whether it has the resolution that an encoder needs; small uncompressed pictures are thumbnails for menus."""
    shorter = min(preview.size)
    return shorter >= _LARGE_PREVIEW or 2 * shorter >= min(size) > 0


def _size(data: bytes, pages: list[Directory]) -> tuple[int, int]:
    if data.startswith(b"FUJIFILMCCD-RAW"):
        return _fuji_size(data)
    if data.startswith(b"IIU\0") and pages:  # the borders of Panasonic: top, left, bottom, right
        top, left, bottom, right = (pages[0].number(tag) for tag in (4, 5, 6, 7))
        return max(0, right - left), max(0, bottom - top)
    largest = max(pages, key=lambda page: page.size[0] * page.size[1], default=None)
    if largest is None:
        return 0, 0
    crop = largest.numbers(DEFAULT_CROP)
    if len(crop) == 4:  # two fractions
        crop = (crop[0] // max(1, crop[1]), crop[2] // max(1, crop[3]))
    cropped = len(crop) == 2 and 0 < crop[0] <= largest.size[0] and 0 < crop[1] <= largest.size[1]
    return (crop[0], crop[1]) if cropped else largest.size


def _previews(data: bytes, pages: list[Directory]) -> Iterator[Preview]:
    any_found = False
    for page in pages if is_tiff(data) else []:
        preview = _of_page(data, page)
        if preview is not None:
            any_found = True
            yield preview
    if data.startswith(b"FUJIFILMCCD-RAW"):
        at, length = struct.unpack_from(">II", data.ljust(92, b"\0"), 84)
        preview = _jpeg(data, at, at + length)
        if preview is not None:
            any_found = True
            yield preview
    if not any_found:
        yield from _hidden(data)


def _of_page(data: bytes, page: Directory) -> Preview | None:
    if (start := page.number(JPEG_START)) and (length := page.number(JPEG_BYTES)):
        return _jpeg(data, start, start + length)
    if page.number(PHOTOMETRIC, -1) not in _SHOWN and page.number(COMPRESSION) != _OLD_JPEG:
        return None
    if page.number(COMPRESSION) in (_OLD_JPEG, _JPEG) and len(page.numbers(STRIPS)) == 1:
        start = page.number(STRIPS)
        preview = _jpeg(data, start, start + page.number(STRIP_BYTES))
        if preview is not None:
            return preview
    if not (page.numbers(STRIPS) or page.numbers(TILE_OFFSETS)) or 0 in page.size or b"+" in data[2:4]:
        return None
    return Preview("TIFF", page.size, page.at, turns_itself=ORIENTATION in page.values)


def _hidden(data: bytes) -> Iterator[Preview]:
    """Search for JPEGs anywhere in the file: makernotes and boxes store them, each in a different way."""
    at = -1
    for _ in range(_MOST_JPEGS):
        at = data.find(b"\xff\xd8\xff", at + 1)
        if at < 0:
            return
        preview = _jpeg(data, at, len(data))
        if preview is not None:
            yield preview


def _jpeg(data: bytes, start: int, end: int) -> Preview | None:
    """None if it is not a JPEG, or is a lossless one, in which raw data itself is stored."""
    size = jpeg_size(data[start : min(end, start + _HEADERS)])
    return None if size is None else Preview("JPEG", size, start, end)


def _fuji_size(data: bytes) -> tuple[int, int]:
    """Read the records of the raw header: the size without borders, else the full size."""
    sizes: dict[int, tuple[int, int]] = {}
    try:
        (at,) = struct.unpack_from(">I", data, 92)
        (records,) = struct.unpack_from(">I", data, at)
        at += 4
        for _ in range(min(records, 256)):
            tag, length = struct.unpack_from(">HH", data, at)
            if length == 4:
                high, wide = struct.unpack_from(">HH", data, at + 4)
                sizes[tag] = (wide, high)
            at += 4 + length
    except struct.error:
        pass
    return sizes.get(0x111) or sizes.get(0x100) or (0, 0)


def _canon_pages(data: bytes) -> list[Directory]:
    """The first directory of the CMT1 box of a CR3, which is a TIFF by itself."""
    at = data.find(b"CMT1", 0, 1 << 20)
    return list(directories(data[at + 4 : at + 4 + _HEADERS])) if at >= 0 else []
