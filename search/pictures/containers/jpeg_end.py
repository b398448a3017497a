"""A JPEG that lacks nothing but the marker at its end: cut by a byte or two, or written by a sloppy program.

That all pixels are there is found by decoding the file with different bytes behind its own: where any part of
the picture were still to come, it would be read from those bytes, and the last rows would differ.
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
from typing import TYPE_CHECKING

from search.pictures.limits import jpeg_scans

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

LACKS_ITS_END = "the marker at the end of this JPEG is missing; all its rows are there"
END = b"\xff\xd9"

_LENGTH = 1 << 12
"""Bytes: more than the longest block of all components has."""


def _tail(seed: int) -> bytes:
    """Pseudo-random bytes, in two halves: as pixels, and with every restart marker that may come next before them."""
    chance = random.Random(seed)
    plain = chance.randbytes(_LENGTH).replace(b"\xff", b"")
    return plain + b"".join(bytes((0xFF, 0xD0 + n)) + chance.randbytes(512).replace(b"\xff", b"") for n in range(8))


MOST_PIXELS = 64_000_000
"""In a single scan: of a larger picture it would take more than seconds to find out."""
_MOST_SCANS = 100
_SCANS_IN_TIME_OF_ONE = 5
"""Scans of a progressive picture that together cost as much as its decoding does besides."""
_TAILS = tuple(_tail(seed) for seed in range(6))
_BAND = 256
"""Rows that are looked at at a time."""


def with_its_end(data: bytes) -> bytes | None:
    """Append the missing end to a JPEG whose pixels are all there; None for any other file."""
    try:
        found = jpeg_scans(data)
    except (struct.error, IndexError):
        return None
    if found is None:
        return None
    scans, pixels = found
    if scans.end is not None or not scans.complete:
        return None
    if scans.count > _MOST_SCANS or pixels * (1 + scans.count / _SCANS_IN_TIME_OF_ONE) > MOST_PIXELS:
        return None  # not worth decoding seven times over
    whole = data.rstrip(b"\xff")  # part of a marker, or fill
    first = _pixels(whole + END)
    return whole + END if all(_pixels(whole + tail + END) == first for tail in _TAILS) else None


def _pixels(data: bytes) -> bytes:
    """Decode in full size, and hash."""
    from PIL.JpegImagePlugin import JpegImageFile

    image: ImageFile = JpegImageFile(io.BytesIO(data))
    image.load()
    digest = hashlib.blake2b(digest_size=16)
    for top in range(0, image.height, _BAND):
        digest.update(image.crop((0, top, image.width, min(top + _BAND, image.height))).tobytes())
    return digest.digest()
