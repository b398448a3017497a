"""Which files are a camera's raw data, by content: what a decoder reads of one is a preview, or one rendering of it.

Most raw files are TIFFs whose first directory holds a small preview, with the sensor's data in a directory below it
(SubIFDs), so that a reader of TIFF takes the preview for the picture. Others begin with a mark of their own.

Sources: Adobe DNG specification 1.7, chapter 2; TIFF 6.0 with the technical note on SubIFDs; TIFF/EP (ISO 12234-2).
"""

from __future__ import annotations

import struct
from collections import deque

_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"CR\2", "Canon CR2"),
    (4, b"ftypcrx ", "Canon CR3"),
    (6, b"HEAPCCDR", "Canon CRW"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm RAF"),
    (0, b"IIRO", "Olympus ORF"),
    (0, b"IIRS", "Olympus ORF"),
    (0, b"MMOR", "Olympus ORF"),
    (0, b"IIU\0", "Panasonic RW2"),
    (0, b"FOVb", "Sigma X3F"),
    (0, b"\0MRM", "Minolta MRW"),
    (8, b"IIII", "Phase One IIQ"),
)
"""Offset, bytes there, and what such a file is called."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_NEW_SUBFILE_TYPE, _WIDTH, _LENGTH, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 256, 257, 262, 330, 50_706
_SENSOR = frozenset((32_803, 34_892))
"""Photometric interpretations: colour filter array, and linear raw."""
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_DIRECTORIES = 32
_MOST_ENTRIES = 4_096
_MOST_VALUES = 64
"""Of one entry that are read: no tag that is looked at has more in a file that a camera wrote."""


def raw_kind(data: bytes) -> str | None:
    """Name the kind of raw file; None where the file is none. Only directories are read, no pixels."""
    for at, mark, name in _MARKS:
        if data[at : at + len(mark)] == mark:
            return name
    if data[:4] not in _TIFF:
        return None
    try:
        return _raw_tiff(data)
    except struct.error:  # a directory beyond the end of the file: what was read until there said nothing
        return None


def _raw_tiff(data: bytes) -> str | None:
    """Look at the first directory, those behind it and those below them."""
    order, big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    waiting, seen, main = deque([(first, False)]), set[int](), 0
    while waiting and len(seen) < _MOST_DIRECTORIES:
        place, below = waiting.popleft()
        if place in seen or not 0 < place < len(data):
            continue
        tags, following = _directory(data, place, order, big=big)
        if _DNG_VERSION in tags:
            return "DNG"
        if _SENSOR & set(tags.get(_PHOTOMETRIC, ())):
            return "raw TIFF"
        pixels = _first(tags, _WIDTH) * _first(tags, _LENGTH)
        if not seen:
            main = pixels
            if _first(tags, _NEW_SUBFILE_TYPE) & 1 and _SUB_IFDS in tags:
                return "raw TIFF"
        elif below and pixels > main:  # what stands first is the smaller rendering
            return "raw TIFF"
        seen.add(place)
        waiting += [(sub, True) for sub in tags.get(_SUB_IFDS, ())]
        waiting.append((following, below))
    return None


def _first(tags: dict[int, tuple[int, ...]], tag: int) -> int:
    return next(iter(tags.get(tag, ())), 0)


def _directory(data: bytes, place: int, order: str, *, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    """Whole numbers by tag, and where the next directory begins."""
    layout, inline, start = (order + "HHQ", 8, 8) if big else (order + "HHI", 4, 2)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
    head, tags = struct.calcsize(layout), {}
    for at in range(place + start, place + start + min(entries, _MOST_ENTRIES) * (head + inline), head + inline):
        tag, kind, count = struct.unpack_from(layout, data, at)
        letter = _LETTERS.get(kind)
        if letter is None:
            continue
        count = min(count, _MOST_VALUES)
        values = order + letter * count
        where = at + head
        if struct.calcsize(values) > inline:
            (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
        if where + struct.calcsize(values) <= len(data):
            tags[tag] = struct.unpack_from(values, data, where)
    behind = place + start + entries * (head + inline)
    following = order + ("Q" if big else "I")
    return tags, struct.unpack_from(following, data, behind)[0] if behind + 8 <= len(data) or not big else 0
