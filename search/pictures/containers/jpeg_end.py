"""Repair a JPEG that lacks only its end marker: cut by a byte or two, or written by a careless program.

To verify that all pixels are there, the file is decoded with different bytes appended. If any part of the picture were
missing, it would be read from those bytes, and the last rows would differ.
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
from functools import cache
from typing import TYPE_CHECKING

from search.pictures.limits import jpeg_scans

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

LACKS_ITS_END = "the marker at the end of this JPEG is missing; all its rows are there"
END = b"\xff\xd9"

_LENGTH = 1 << 12
"""Bytes: more than the longest block of all components."""


def _tail(seed: int) -> bytes:
    """Pseudo-random bytes in two halves: as pixels, and preceded by each restart marker that may come next."""
    generator = random.Random(seed)
    plain = generator.randbytes(_LENGTH).replace(b"\xff", b"")
    return plain + b"".join(bytes((0xFF, 0xD0 + n)) + generator.randbytes(512).replace(b"\xff", b"") for n in range(8))


@cache
def _tails() -> tuple[bytes, ...]:
    return tuple(_tail(seed) for seed in range(6))


MOST_PIXELS = 64_000_000
"""Limit for a picture with a single scan; verifying a larger one would take more than seconds."""
_MOST_SCANS = 100
_SCANS_IN_TIME_OF_ONE = 5
"""Number of scans of a progressive picture that together cost as much as the rest of its decoding."""
_BAND = 256
"""Rows that are hashed at a time."""


def with_its_end(data: bytes) -> bytes | None:
    """Append the missing end marker to a JPEG whose pixels are complete; None for any other file."""
    try:
        walked = jpeg_scans(data)
    except (struct.error, IndexError):
        return None
    if walked is None:
        return None
    scans, pixels = walked
    if scans.end is not None or not scans.complete:
        return None
    if scans.count > _MOST_SCANS or pixels * (1 + scans.count / _SCANS_IN_TIME_OF_ONE) > MOST_PIXELS:
        return None  # too expensive to decode seven times
    content = data.rstrip(b"\xff")  # part of a marker, or fill bytes
    first = _pixels(content + END)
    return content + END if all(_pixels(content + tail + END) == first for tail in _tails()) else None


def _pixels(data: bytes) -> bytes:
    """Hash the pixels decoded at full size."""
    from PIL.JpegImagePlugin import JpegImageFile

    image: ImageFile = JpegImageFile(io.BytesIO(data))
    image.load()
    digest = hashlib.blake2b(digest_size=16)
    for top in range(0, image.height, _BAND):
        digest.update(image.crop((0, top, image.width, min(top + _BAND, image.height))).tobytes())
    return digest.digest()
