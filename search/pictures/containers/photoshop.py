"""Check the header of a Photoshop document: whether it is supported, its size, and whether it has transparency.

Source: Adobe Photoshop File Formats Specification, November 2019.
"""

from __future__ import annotations

import struct

_VERSION_INFO = 1057
MOST_RESOURCES = 10_000
"""Limit on image resources, which Pillow reads one by one; Photoshop writes about forty."""


def psd_excess(data: bytes) -> str | None:
    """Describe why a document cannot be read or is too expensive to read; None if nothing prevents it.

    Raises:
        struct.error: the file ends within its header.
    """
    version, depth = struct.unpack_from(">H", data, 4)[0], struct.unpack_from(">H", data, 22)[0]
    if version == 2:
        return "a large Photoshop document (PSB), which is not supported: save it as PSD or TIFF"
    if depth not in (1, 8):
        return f"a Photoshop document of {depth} bits per channel, which is not supported: save it with 8, or as TIFF"
    at = _section_end(data, 26)
    end = _section_end(data, at)
    at += 4
    for _ in range(MOST_RESOURCES):
        if at + 12 > min(end, len(data)):
            return None
        kind, name = struct.unpack_from(">HB", data, at + 4)
        body = at + 6 + (name + 2) // 2 * 2
        (length,) = struct.unpack_from(">I", data, body)
        if kind == _VERSION_INFO and length > 4 and data[body + 8] == 0:
            return 'a Photoshop document without a flattened picture: save it with "Maximize Compatibility"'
        at = body + 4 + (length + 1) // 2 * 2
    return f"more than {MOST_RESOURCES:,} resources"


def psd_size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas; raises struct.error if the header is cut."""
    height, width = struct.unpack_from(">II", data, 14)
    return width, height


def has_transparency(data: bytes) -> bool:
    """Whether the channel after the colours is the transparency of the picture.

    It is only if the number of layers is negative; otherwise it is a saved selection or spot colour.
    """
    try:
        layers = _section_end(data, _section_end(data, 26))
        (length, inner, count) = struct.unpack_from(">IIh", data, layers)
    except struct.error:
        return False
    return bool(length > 0 and inner > 0 and count < 0)


def _section_end(data: bytes, at: int) -> int:
    """Offset of the end of a section that begins with its length."""
    return int(at + 4 + struct.unpack_from(">I", data, at)[0])
