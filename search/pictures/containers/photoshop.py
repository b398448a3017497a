"""What a Photoshop document says of itself before it is decoded, and whether it holds a flattened picture.

Source: Adobe Photoshop File Formats Specification, November 2019.
"""

from __future__ import annotations

import struct

_VERSION_INFO = 1057
MOST_RESOURCES = 10_000
"""Image resources, which Pillow reads one by one; Photoshop writes some forty."""


def psd_excess(data: bytes) -> str | None:
    """Say why a document cannot be read, or costs too much to; None where nothing speaks against it.

    Raises:
        struct.error: it ends within its header.
    """
    version, depth = struct.unpack_from(">H", data, 4)[0], struct.unpack_from(">H", data, 22)[0]
    if version == 2:
        return "a large Photoshop document (PSB), which is not supported: save it as PSD or TIFF"
    if depth not in (1, 8):
        return (
            f"a Photoshop document of {depth} bits for each channel, which is not supported: save it with 8, or as TIFF"
        )
    at = _behind(data, 26)
    end = _behind(data, at)
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
    """Width and height of the canvas; struct.error where the header is cut."""
    height, width = struct.unpack_from(">II", data, 14)
    return width, height


def has_transparency(data: bytes) -> bool:
    """Whether the channel behind the colours is how transparent the picture is: only then is the count of its layers
    negative. Otherwise it is a selection or an ink that somebody saved.
    """
    try:
        layers = _behind(data, _behind(data, 26))
        (length, inner, count) = struct.unpack_from(">IIh", data, layers)
    except struct.error:
        return False
    return bool(length > 0 and inner > 0 and count < 0)


def _behind(data: bytes, at: int) -> int:
    """Offset behind a section that begins with its length."""
    return int(at + 4 + struct.unpack_from(">I", data, at)[0])
