"""Check the first directory of a TIFF against limits on time and memory before it is decoded.

Source: TIFF 6.0, sections 2 and 15; the BigTIFF proposal (version 43, 64-bit counts and offsets).
"""

from __future__ import annotations

import struct

MOST_ENTRIES = 4_096
MOST_PIECES = 100_000
"""Limit on strips or tiles; one strip per row is the most that makes sense."""
MOST_PIECE_BYTES = 256 << 20
"""Limit on one uncompressed tile, which libtiff allocates in full whatever the size of the picture."""

_STRIP_OFFSETS, _SAMPLES = 273, 277
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 322, 323, 324
_DIRECTORIES = (34_665, 34_853, 40_965)
"""Tags of the Exif, GPS and interoperability directories, which Pillow reads too."""
_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


def tiff_excess(data: bytes) -> str | None:
    """Describe the limit that the first page exceeds; None if it exceeds none.

    Raises:
        struct.error: the directory does not lie within the file.
    """
    values = _first_values(data)
    subdirectories = [] if values is None else [values[tag][1] for tag in _DIRECTORIES if tag in values]
    if values is None or any(
        _entries_at(data, place) > MOST_ENTRIES for place in subdirectories if place < len(data) - 8
    ):
        return f"a directory of more than {MOST_ENTRIES:,} entries"
    for tag, words in ((_STRIP_OFFSETS, "strips"), (_TILE_OFFSETS, "tiles")):
        count = values.get(tag, (0, 0))[0]
        if count > MOST_PIECES:
            return f"too many {words}: {count:,}, the limit is {MOST_PIECES:,}"
    samples = max(1, values.get(_SAMPLES, (1, 1))[1])
    wide, high = (values.get(tag, (0, 0))[1] for tag in (_TILE_WIDTH, _TILE_LENGTH))
    if wide * high * samples > MOST_PIECE_BYTES:
        return f"tiles of {wide:,} x {high:,} pixels"
    return None


def _entries_at(data: bytes, place: int) -> int:
    order = "<" if data[:2] == b"II" else ">"
    return int(struct.unpack_from(order + ("Q" if b"+" in data[2:4] else "H"), data, place)[0])


def _first_values(data: bytes) -> dict[int, tuple[int, int]] | None:
    """Tag -> (count, first value if it is stored in the entry itself, else 0); None if there are too many entries."""
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    if at > len(data):
        return {}
    entries = _entries_at(data, at)
    if entries > MOST_ENTRIES:
        return None
    layout, inline = (order + "HHQ", 8) if big else (order + "HHI", 4)
    head = struct.calcsize(layout)
    values: dict[int, tuple[int, int]] = {}
    for place in range(at + (8 if big else 2), at + (8 if big else 2) + entries * (head + inline), head + inline):
        tag, kind, count = struct.unpack_from(layout, data, place)
        letter = _FORMATS.get(kind)
        value = struct.unpack_from(order + letter, data, place + head)[0] if letter and count == 1 else 0
        values[tag] = (count, value)
    return values
