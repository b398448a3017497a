"""Limits on the structure of a file, checked before any decoder runs.

The decoders are written in C and cannot be interrupted, and Pillow's readers walk the parts of a file one by one in
Python. A file with a hundred thousand empty parts, or a progressive JPEG with a thousand scans, takes a few kilobytes
and minutes to decode. Each limit is far above what any camera, scanner or program writes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from search.pictures.containers.jpeg_scans import Scans, walk_scans
from search.pictures.containers.photoshop import psd_excess
from search.pictures.containers.tiff_directory import tiff_excess
from search.pictures.containers.tiff_pages import is_tiff

if TYPE_CHECKING:
    from search.pictures.formats import Format

MOST_PARTS = 100_000
"""Chunks of a PNG, segments of a JPEG before its pixels, or blocks of a GIF before its first frame."""
MOST_FILL = 1 << 16
"""Bytes between the segments of a JPEG that belong to no segment; Pillow skips them one by one."""
MOST_SCANNED = 1_500_000_000
"""Pixels times scans of a progressive JPEG. libjpeg processes the full picture once per scan, however few bytes the
scan has; ten scans are usual."""
MOST_SCANS = 6_000
"""Scans of a JPEG of any size: each takes a third of a millisecond even without pixels."""
MOST_EXIF_SEGMENTS = 64
"""EXIF segments of a JPEG, 64 KiB each; Pillow joins them one by one, in time quadratic in their number."""
MOST_EXIF_BYTES = 1 << 20
"""Size above which EXIF is ignored in any format: a camera writes 64 KiB, and Pillow reads it tag by tag."""
MOST_RUN_LENGTH = 4 << 20
"""Bytes of a run-length encoded BMP, which Pillow decodes in Python, code by code."""
MOST_RUN_LENGTH_PIXELS = 8_000_000
"""Pixels of a run-length encoded BMP: Pillow also pads rows that end early in Python, pixel by pixel."""

_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""JPEG markers without a length: TEM, RST0 to RST7, SOI."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_USUAL_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
"""Baseline, extended and progressive."""
_START_OF_SCAN, _APP1 = 0xDA, 0xE1


def structure_excess(kind: Format, data: bytes) -> str | None:
    """Describe the limit that a file exceeds; None if it exceeds none or is too damaged to tell."""
    count = {
        "JPEG": _jpeg,
        "PNG": _png,
        "GIF": _gif,
        "BMP": _bmp,
        "TIFF": tiff_excess,
        "raw": _raw,
        "PSD": psd_excess,
    }.get(kind)
    try:
        return None if count is None else count(data)
    except (struct.error, IndexError):
        return None


def _jpeg(data: bytes) -> str | None:
    """Walk the segments up to the first scan (ITU-T T.81, annex B), then count the scans."""
    headers = _JpegHeaders()
    excess = headers.walk(data)
    if excess is not None or headers.first_scan is None or headers.frame is None:
        return excess
    pixels = headers.size[0] * headers.size[1]
    most = data.count(b"\xff\xda", headers.first_scan)
    if most * pixels <= MOST_SCANNED and most <= MOST_SCANS:
        return None  # an upper bound: counting the actual scans of this picture takes longer
    scans = walk_scans(data, headers.frame, headers.first_scan, most=MOST_PARTS)
    if scans is None:
        return f"more than {MOST_PARTS:,} segments"
    if scans.count > MOST_SCANS or (scans.count > 1 and scans.count * pixels > MOST_SCANNED):
        return f"too many scans: {scans.count:,} of {pixels:,} pixels"
    return None


class _JpegHeaders:
    """Offsets of the frame header and of the first scan of a JPEG, and the size of the picture."""

    def __init__(self) -> None:
        self.frame: int | None = None
        self.first_scan: int | None = None
        self.size = (0, 0)

    def walk(self, data: bytes) -> str | None:
        """Walk up to the first scan; describe the limit that the headers exceed, or return None."""
        at, fill, exif = 2, 0, 0
        for _ in range(MOST_PARTS):
            start = data.find(b"\xff", at)
            if start < 0:
                return None
            code = start + 1
            while data[code] == 0xFF:
                code = _end_of_fill(data, code)
            fill += code - 1 - at
            if fill > MOST_FILL:
                return f"more than {MOST_FILL:,} bytes that belong to no segment"
            marker, at = data[code], code + 1
            if marker in _FRAMES:
                height, width = struct.unpack_from(">HH", data, at + 3)
                self.frame, self.size = code - 1, (width, height)
            exif += marker == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0"
            if exif > MOST_EXIF_SEGMENTS:
                return f"more than {MOST_EXIF_SEGMENTS} segments of EXIF"
            if marker == _START_OF_SCAN:
                self.first_scan = code - 1
                return None
            if marker and marker not in _STANDALONE:
                at += struct.unpack_from(">H", data, at)[0]
        return f"more than {MOST_PARTS:,} segments"


def jpeg_scans(data: bytes) -> tuple[Scans, int] | None:
    """Walk the scans of a JPEG within the limits.

    Returns:
        The scans and the number of pixels; None if there is no scan or a limit is exceeded.

    Raises:
        struct.error, IndexError: the headers do not lie within the file.
    """
    headers = _JpegHeaders()
    if headers.walk(data) is not None or headers.first_scan is None or headers.frame is None:
        return None
    scans = walk_scans(data, headers.frame, headers.first_scan, most=MOST_PARTS)
    return None if scans is None else (scans, headers.size[0] * headers.size[1])


def jpeg_ends_early(data: bytes) -> bool:
    """Whether a JPEG lacks its end marker; a marker in data after the picture does not count."""
    try:
        walked = jpeg_scans(data)
    except (struct.error, IndexError):
        return True
    return walked is None or walked[0].end is None


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG that a picture decoder can read; None for a lossless JPEG and for anything else."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    headers = _JpegHeaders()
    try:
        excess = headers.walk(data)
    except (struct.error, IndexError):
        return None
    if excess is not None or headers.first_scan is None or headers.frame is None or 0 in headers.size:
        return None
    return headers.size if data[headers.frame + 1] in _USUAL_FRAMES else None


def _end_of_fill(data: bytes, at: int) -> int:
    """Find the first byte that is not FF, in steps of growing size."""
    step = 1
    while data[at : at + step] == b"\xff" * step:
        at += step
        step = min(2 * step, MOST_FILL)
    return at + len(data[at : at + step]) - len(data[at : at + step].lstrip(b"\xff"))


def _png(data: bytes) -> str | None:
    at = 8
    for _ in range(MOST_PARTS):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IEND":
            return None
        at += 12 + struct.unpack_from(">I", data, at)[0]
    return f"more than {MOST_PARTS:,} chunks"


def _gif(data: bytes) -> str | None:
    """Walk the extensions before the first frame (GIF89a, sections 15 and 24), sub-block by sub-block."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    parts = 0
    while data[at] != ord(","):
        if data[at] == ord(";"):
            return None
        if data[at] == ord("!"):
            at += 2
            while parts < MOST_PARTS and data[at]:
                at += 1 + data[at]
                parts += 1
        at += 1
        parts += 1
        if parts >= MOST_PARTS:
            return f"more than {MOST_PARTS:,} blocks before the first frame"
    return None


def _raw(data: bytes) -> str | None:
    return tiff_excess(data) if is_tiff(data) else None


def _bmp(data: bytes) -> str | None:
    header, compression = struct.unpack_from("<I", data, 14)[0], struct.unpack_from("<I", data, 30)[0]
    if header < 40 or compression not in (1, 2):
        return None
    if len(data) > MOST_RUN_LENGTH:
        return f"run-length encoded in more than {MOST_RUN_LENGTH:,} bytes"
    width, height = struct.unpack_from("<ii", data, 18)
    if abs(width * height) > MOST_RUN_LENGTH_PIXELS:
        return f"run-length encoded in more than {MOST_RUN_LENGTH_PIXELS:,} pixels"
    return None
