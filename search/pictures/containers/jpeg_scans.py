"""The scans of a JPEG from its first one to its end: how many there are, and whether they hold the whole picture.

A byte pair FF DA only starts a scan where a decoder looks for a marker: not in the segments of metadata, and not behind
the end of the picture, where phones put a video, a second picture or raw data.

Source: ITU-T T.81, annexes B and G.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""What ends coded pixels, in which FF is followed by 00 or is a restart marker."""
_START_OF_SCAN, _END_OF_IMAGE, _START_OF_IMAGE, _TEMPORARY = 0xDA, 0xD9, 0xD8, 0x01
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_COEFFICIENTS = 64
_MOST_COMPONENTS = 4


@dataclass(frozen=True, slots=True)
class Scans:
    """What a walk through the scans found."""

    count: int
    end: int | None
    """Offset behind the marker that ends the picture; None where the file ends before."""
    complete: bool
    """Whether the scans cover every component, of a progressive picture in full precision."""


def walk_scans(data: bytes, frame: int, first: int, *, most: int) -> Scans | None:
    """Walk from the first scan to the end; None where more than `most` segments lie on the way.

    Args:
        data: the file.
        frame: offset of the marker of the frame header (SOF).
        first: offset of the marker of the first scan (SOS).
        most: segments that are walked through.

    Raises:
        IndexError: the frame header does not lie within the file.
    """
    left = _uncovered(data, frame)
    progressive = data[frame + 1] in _PROGRESSIVE
    at, count = first, 0
    for _ in range(most):
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            return Scans(count, at + 2, not any(map(any, left.values())))
        try:
            if marker == _START_OF_SCAN:
                count += 1
                _cover(data, at, left, progressive)
            if marker not in (_START_OF_IMAGE, _TEMPORARY):
                at += struct.unpack_from(">H", data, at + 2)[0]
        except (struct.error, IndexError):  # cut within a segment
            return Scans(count, None, complete=False)
        found = _MARKER.search(data, at + 2)
        if found is None:
            return Scans(count, None, not any(map(any, left.values())))
        at = found.start()
    return None


def _uncovered(data: bytes, frame: int) -> dict[int, list[bool]]:
    """Component -> for each of its coefficients whether it is still missing, which at first they all are."""
    components = data[frame + 9]
    return {data[frame + 10 + 3 * turn]: [True] * _COEFFICIENTS for turn in range(components)}


def _cover(data: bytes, at: int, left: dict[int, list[bool]], progressive: bool) -> None:
    """Strike out what one scan holds: the last bits of a band of coefficients, or all of a sequential component."""
    components = data[at + 4]
    if components > _MOST_COMPONENTS:
        return  # no scan that a decoder takes
    first, last, approximation = struct.unpack_from("BBB", data, at + 5 + 2 * components)
    if not progressive:
        first, last, approximation = 0, _COEFFICIENTS - 1, 0
    if approximation & 15:
        return  # the lowest bits follow in a later scan
    for turn in range(components):
        missing = left.get(data[at + 5 + 2 * turn], [])
        for coefficient in range(first, min(last + 1, len(missing))):
            missing[coefficient] = False
