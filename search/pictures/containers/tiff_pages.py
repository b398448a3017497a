"""Read the directories of a TIFF, with the values of the tags that describe what each one shows.

Source: TIFF 6.0, section 2; the Adobe PageMaker 6.0 technical notes (SubIFDs); the BigTIFF proposal.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION = (
    *(254, 256, 257, 258, 259, 262, 273, 274),
)
STRIP_BYTES, MAX_SAMPLE, TILE_OFFSETS, SUB_DIRECTORIES, JPEG_START, JPEG_BYTES, DNG_VERSION = (
    *(279, 281, 324, 330, 513, 514, 50706),
)
DEFAULT_CROP = 50720
"""Width and height of the part of a DNG to show, without the margins that only serve interpolation."""

_MOST_DIRECTORIES = 32
_MOST_ENTRIES = 4_096
_MOST_VALUES = 64
"""Values read per tag; longer tags are not needed here."""
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "B", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: its offset, and tag -> values (a text is one bytes value)."""

    at: int
    values: dict[int, tuple[int | bytes, ...]]

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag if it is a number, else `default`."""
        value = self.values.get(tag, (default,))[0]
        return value if isinstance(value, int) else default

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All values of a tag that are numbers."""
        return tuple(value for value in self.values.get(tag, ()) if isinstance(value, int))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; (0, 0) if they are not stated."""
        return self.number(WIDTH), self.number(HEIGHT)


def is_tiff(data: bytes) -> bool:
    """Whether the file begins as a TIFF or BigTIFF, or as a raw format that differs only in the version number."""
    return data[:2] in (b"II", b"MM") and data[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+", b"U\0", b"RO", b"RS", b"OR")


def directories(data: bytes) -> Iterator[Directory]:
    """Walk the pages and, after each, its SubIFDs; damaged or excess directories are skipped, never an error."""
    if not is_tiff(data):
        return
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    seen: set[int] = set()
    pending = [int.from_bytes(data[8:16] if big else data[4:8], "little" if order == "<" else "big")]
    while pending and len(seen) < _MOST_DIRECTORIES:
        at = pending.pop(0)
        if at in seen or not 0 < at < len(data):
            continue
        seen.add(at)
        try:
            directory, next_at = _read(data, at, order, big)
        except struct.error:
            continue
        yield directory
        pending = [*directory.numbers(SUB_DIRECTORIES), *pending, next_at]


def _read(data: bytes, at: int, order: str, big: bool) -> tuple[Directory, int]:
    """A directory, and the offset of the next one (0: none)."""
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    if entries > _MOST_ENTRIES:
        raise struct.error("too many entries")
    layout, inline, offset = (order + "HHQ", 8, "Q") if big else (order + "HHI", 4, "I")
    head = struct.calcsize(layout)
    place = at + (8 if big else 2)
    values: dict[int, tuple[int | bytes, ...]] = {}
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(layout, data, place)
        letters = _TYPES.get(kind)
        if letters is not None and count > 0:
            count = min(count, _MOST_VALUES)
            form = f"{order}{count}s" if letters == "s" else order + letters * count
            spot = place + head
            if struct.calcsize(form) > inline:
                (spot,) = struct.unpack_from(order + offset, data, spot)
            if spot + struct.calcsize(form) <= len(data):
                values[tag] = struct.unpack_from(form, data, spot)
        place += head + inline
    next_at = struct.unpack_from(order + offset, data, place)[0] if place + inline <= len(data) else 0
    return Directory(at, values), next_at
