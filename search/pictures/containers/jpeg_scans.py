"""Walk the scans of a JPEG: how many there are, and whether they hold the complete picture.

The bytes FF DA start a scan only where a decoder expects a marker: not inside metadata segments, and not after the end
of the picture, where phones store a video, a second picture or raw data.

Source: ITU-T T.81, annexes B and G.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Ends entropy-coded data, in which FF is followed by 00 or belongs to a restart marker."""
_START_OF_SCAN, _END_OF_IMAGE, _START_OF_IMAGE, _TEMPORARY = 0xDA, 0xD9, 0xD8, 0x01
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_COEFFICIENTS = 64
_MOST_COMPONENTS = 4


@dataclass(frozen=True, slots=True)
class Scans:
    """The result of a walk through the scans."""

    count: int
    end: int | None
    """Offset after the marker that ends the picture; None if the file ends first."""
    complete: bool
    """Whether the scans cover every component, in full precision if the picture is progressive."""


def walk_scans(data: bytes, frame: int, first: int, *, most: int) -> Scans | None:
    """Walk from the first scan to the end; None if that takes more than `most` segments.

    Args:
        data: the file.
        frame: offset of the marker of the frame header (SOF).
        first: offset of the marker of the first scan (SOS).
        most: maximum number of segments to walk through.

    Raises:
        IndexError: the frame header does not lie within the file.
    """
    uncovered = _uncovered(data, frame)
    progressive = data[frame + 1] in _PROGRESSIVE
    at, count = first, 0
    for _ in range(most):
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            return Scans(count, at + 2, not any(map(any, uncovered.values())))
        try:
            if marker == _START_OF_SCAN:
                count += 1
                _cover(data, at, uncovered, progressive)
            if marker not in (_START_OF_IMAGE, _TEMPORARY):
                at += struct.unpack_from(">H", data, at + 2)[0]
        except (struct.error, IndexError):  # the file ends within a segment
            return Scans(count, None, complete=False)
        next_marker = _MARKER.search(data, at + 2)
        if next_marker is None:
            return Scans(count, None, not any(map(any, uncovered.values())))
        at = next_marker.start()
    return None


def _uncovered(data: bytes, frame: int) -> dict[int, list[bool]]:
    """Component -> for each of its coefficients, whether it is missing; initially all are."""
    components = data[frame + 9]
    return {data[frame + 10 + 3 * turn]: [True] * _COEFFICIENTS for turn in range(components)}


def _cover(data: bytes, at: int, uncovered: dict[int, list[bool]], progressive: bool) -> None:
    """Mark what one scan holds: the last bits of a band of coefficients, or a full sequential component."""
    components = data[at + 4]
    if components > _MOST_COMPONENTS:
        return  # decoders reject such a scan
    first, last, approximation = struct.unpack_from("BBB", data, at + 5 + 2 * components)
    if not progressive:
        first, last, approximation = 0, _COEFFICIENTS - 1, 0
    if approximation & 15:
        return  # the lowest bits follow in a later scan
    for turn in range(components):
        missing = uncovered.get(data[at + 5 + 2 * turn], [])
        for coefficient in range(first, min(last + 1, len(missing))):
            missing[coefficient] = False
