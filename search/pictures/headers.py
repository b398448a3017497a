"""Read a picture's size from its header, and detect files that end early.

Nothing in this module decodes or imports Pillow.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal

from search.pictures.containers.jpeg_xl import header as jpeg_xl_header
from search.pictures.containers.photoshop import psd_size
from search.pictures.limits import jpeg_ends_early

if TYPE_CHECKING:
    from search.pictures.formats import Format


def header_size(kind: Format, data: bytes) -> tuple[int, int] | None:
    """Width and height from a fixed place in the file; None if only the plugin can read them or the header is cut.

    They are checked before the plugin runs, because Pillow's WebP plugin allocates the canvas when it opens a file.
    """
    try:
        if kind == "PNG":
            return struct.unpack_from(">II", data, 16)
        if kind == "BMP":
            return _bmp_size(data)
        if kind == "WebP":
            return _webp_size(data)
        if kind == "PSD":
            return psd_size(data)
        if kind == "JPEG XL":
            header = jpeg_xl_header(data)
            return None if header is None else header[0]
    except (struct.error, IndexError):
        pass
    return None


def ends_early(kind: Format, data: bytes) -> bool:
    """Whether the end that the format prescribes is missing; called only after decoding has failed.

    False is weak evidence for TIFF, whose parts may be in any order: only the directory's offset is checked.
    """
    if kind == "JPEG":
        return jpeg_ends_early(data)
    if kind == "PNG":
        return b"IEND" not in data
    if kind == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    if kind == "WebP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "BMP":
        return len(data) < int.from_bytes(data[2:6], "little")
    if kind in ("PSD", "JPEG XL"):
        return False  # only their decoders can detect it
    if kind in ("TIFF", "raw"):
        return _tiff_directory(data) + 2 > len(data)
    return _boxes_end_early(data)


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return width, abs(height)  # a negative height means that the top row comes first


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas size of the three kinds of WebP (container specification; RFC 6386, section 9.1)."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = struct.unpack_from("<II", data[24:27] + b"\0" + data[27:30] + b"\0")
        return width + 1, height + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_directory(data: bytes) -> int:
    """Offset of the first directory, which most writers place after the pixels; 64 bits in a BigTIFF."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    place = data[8:16] if b"+" in data[2:4] else data[4:8]
    return int.from_bytes(place, order)


def _boxes_end_early(data: bytes) -> bool:
    """Whether a top-level box of an AVIF or HEIF file extends past the end of the file."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:  # the actual length follows in 64 bits
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:  # 0 means "to the end of the file"; other values are damage
            return False
        at += length
    return at > len(data)
