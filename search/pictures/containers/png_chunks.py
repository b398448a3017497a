"""Read the chunks of a PNG before its pixels, and remove those that would make Pillow reject the file.

Source: PNG, third edition, sections 5.3 and 11.3.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE_BYTES = 8
_MOST_CHUNKS = 1_000
MOST_PROFILE_BYTES = 1 << 20
"""Size of an uncompressed profile above which Pillow rejects the picture."""
_LENGTHS = {b"gAMA": 4, b"cHRM": 32}
"""Required lengths of chunks that Pillow reads without checking their length."""


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset of the body and length of the body for each chunk before the pixels."""
    at = _SIGNATURE_BYTES
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, at)
        if name in (b"IDAT", b"IEND") or at + 12 + length > len(data):
            return
        yield name, at + 8, length
        at += 12 + length


def body_of(data: bytes, name: bytes) -> bytes | None:
    """The body of the first chunk with a name before the pixels; None if there is none."""
    for chunk_name, start, length in chunks(data):
        if chunk_name == name:
            return data[start : start + length]
    return None


def readable(data: bytes) -> bytes:
    """Remove colour chunks that are damaged or huge: the picture can be read without them."""
    unfit = [(start, length) for name, start, length in chunks(data) if not _is_fit(data, name, start, length)]
    for start, length in reversed(unfit):
        data = data[: start - 8] + data[start + length + 4 :]
    return data


def _is_fit(data: bytes, name: bytes, start: int, length: int) -> bool:
    if name in _LENGTHS:
        return length == _LENGTHS[name]
    if name != b"iCCP":
        return True
    after_name = data[start : start + length].partition(b"\0")[2]
    if after_name[:1] != b"\0":  # the only compression method that the standard defines
        return False
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(after_name[1:], MOST_PROFILE_BYTES)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail
