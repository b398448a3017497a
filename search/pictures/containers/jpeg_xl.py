"""Read JPEG XL, with the Pillow plugin that the extra `jxl` installs.

Size and orientation are read from the codestream directly, so that the limits apply before libjxl runs.
Source: ISO/IEC 18181-1:2024, sections D.1 to D.3; 18181-2, section 9 (the boxes of a container).
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a"
MISSING = 'a JPEG XL picture, which needs the extra "jxl": pip install "twinlens[jxl]"'

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = (9, 13, 18, 30)
_HEADER = 64
"""Number of bytes that contain size and orientation."""
_MOST_BOXES = 1_000


def is_jpeg_xl(data: bytes) -> bool:
    """Whether a file begins as a codestream or a container does."""
    return data.startswith((CODESTREAM, CONTAINER))


def is_supported() -> bool:
    """Whether the plugin is installed."""
    return find_spec("pillow_jxl") is not None


def header(data: bytes) -> tuple[tuple[int, int], int] | None:
    """Stored width and height, and the EXIF orientation, 1 to 8; None if there is no codestream.

    Raises:
        IndexError: the codestream ends within its header.
    """
    stream = _codestream(data)
    if stream is None:
        return None
    bits = _Bits(stream)
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else 1 + bits.take(_LENGTHS[bits.take(2)])
    ratio = bits.take(3)
    if ratio:
        wide, high = _RATIOS[ratio - 1]
        width = height * wide // high
    else:
        width = (bits.take(5) + 1) * 8 if small else 1 + bits.take(_LENGTHS[bits.take(2)])
    turned = not bits.take(1) and bits.take(1)  # `all_default` is off, and `extra_fields` on
    return (width, height), 1 + bits.take(3) if turned else 1


def decoded(data: bytes) -> Image | bytes:
    """Decode the first frame in the orientation of its codestream, or return the JPEG that was packed losslessly.

    Raises:
        OSError: the file is damaged.
    """
    from PIL import Image

    try:
        is_jpeg, info, pixels, profile, boxes = import_module("pillow_jxl").Decoder(num_threads=1)(data)
    except Exception as error:  # its message is about building libjxl
        raise OSError("libjxl cannot decode it") from error
    if is_jpeg:
        return bytes(pixels)
    image = Image.frombytes(info.mode, (info.width, info.height), bytes(pixels))
    if profile:
        image.info["icc_profile"] = bytes(profile)
    for box in boxes:
        if bytes(box.box_type) == b"Exif" and "exif" not in image.info:
            image.info["exif"] = _without_offset(bytes(box.data))
    return image


class _Bits:
    """Bit reader for a codestream after its signature; the lowest bit of each byte comes first."""

    def __init__(self, stream: bytes) -> None:
        self._number = int.from_bytes(stream[2 : 2 + _HEADER], "little")
        self._left = 8 * len(stream[2 : 2 + _HEADER])

    def take(self, count: int) -> int:
        if count > self._left:
            raise IndexError("the header ends early")
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        self._left -= count
        return value


def exif_of(data: bytes) -> bytes | None:
    """The EXIF block of a container, without decoding; None if there is none or it is compressed."""
    return next((_without_offset(data[start:end]) for kind, start, end in _boxes(data) if kind == b"Exif"), None)


def _without_offset(block: bytes) -> bytes:
    """Remove the four bytes that the standard puts before the header; some writers omit them."""
    return block if block[:2] in (b"II", b"MM") else block[4:]


def _codestream(data: bytes) -> bytes | None:
    """The beginning of the codestream, which a container stores in a box `jxlc` or in parts `jxlp`."""
    if data.startswith(CODESTREAM):
        return data[: 2 + _HEADER]
    for kind, start, _ in _boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0
            stream = data[start : start + 2 + _HEADER]
            return stream if stream.startswith(CODESTREAM) else None
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each box of a container."""
    at = 0
    for _ in range(_MOST_BOXES if data.startswith(CONTAINER) else 0):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = at + length if length else len(data)  # 0 means "to the end of the file"
        if end < start or start > len(data):
            return
        yield kind, start, end
        at = end
