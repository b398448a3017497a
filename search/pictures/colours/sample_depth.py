"""Determine the white point of files with more than eight bits per sample.

Cameras, microscopes and scanners write values of 10, 12 or 14 bits into 16-bit files. The range that the file declares
is used if it holds all values, else the smallest usual range that does.

Sources: PNG, third edition, section 11.3.2.5 (sBIT); TIFF 6.0, section 8 (BitsPerSample, MaxSampleValue).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.pictures.containers.png_chunks import body_of
from search.pictures.containers.tiff_pages import BITS, MAX_SAMPLE

if TYPE_CHECKING:
    from PIL.Image import Image

    from search.pictures.formats import Format

FULL = 65_535
TOPS = (255, 1023, 4095, 16_383, FULL)
"""The highest values of 8, 10, 12, 14 and 16 bits."""
DECLARED = "declared_top"
"""Key in the `info` of an opened picture for its declared highest value."""


def top_of(highest: float, declared: Any = None) -> float | None:
    """The value of white for values up to `highest`; None if no usual range holds them."""
    if isinstance(declared, int) and 0 < highest <= declared:
        return declared
    return next((top for top in TOPS if highest <= top), None)


def declared_top(image: Image, kind: Format, data: bytes) -> int | None:
    """The highest value that a file declares; None if it declares no more than 16 bits."""
    if kind == "PNG":
        bits = max(body_of(data, b"sBIT") or b"\0")
        return (1 << bits) - 1 if 0 < bits <= 16 else None
    if kind != "TIFF":
        return None
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    tops = [value for value in _numbers(tags.get(MAX_SAMPLE)) if value > 0]
    if tops:
        return max(tops)
    bits = max(_numbers(tags.get(BITS)), default=16)
    return (1 << bits) - 1 if 8 < bits < 16 else None


def _numbers(value: Any) -> list[int]:
    values = value if isinstance(value, tuple) else (value,)
    return [each for each in values if isinstance(each, int)]
