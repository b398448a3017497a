"""Build flattened Photoshop documents by hand, from Adobe's specification, without layer pixels."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

MODES = {"1": 0, "L": 1, "P": 2, "RGB": 3, "CMYK": 4, "LAB": 9}


def resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + bytes(len(body) % 2)


def psd(
    image: Image.Image,
    *resources: bytes,
    alpha: Image.Image | None = None,
    layers: int = 0,
    packed: bool = True,
    version: int = 1,
    depth: int = 8,
) -> bytes:
    """`alpha` is a channel after the colours; it is the transparency of the picture if `layers` is negative."""
    planes = np.asarray(image) if image.mode != "CMYK" else 255 - np.asarray(image)
    if image.mode == "LAB":  # Pillow gives the signed bytes of a TIFF, and here they begin at -128
        planes = planes ^ np.array((0, 128, 128), np.uint8)
    planes = planes[:, :, None] if planes.ndim == 2 else planes
    if alpha is not None:
        planes = np.dstack([planes, np.asarray(alpha)])
    height, width, channels = planes.shape
    head = b"8BPS" + struct.pack(">H6xHIIHH", version, channels, height, width, depth, MODES[image.mode])
    colours = b""
    if image.mode == "P":
        palette = np.zeros((256, 3), np.uint8)
        entries = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
        palette[: len(entries)] = entries
        colours = palette.T.tobytes()
    found = b"".join(resources)
    info = struct.pack(">Ih", 2, layers) if layers else b""
    body = head + struct.pack(">I", len(colours)) + colours + struct.pack(">I", len(found)) + found
    body += struct.pack(">I", len(info)) + info
    rows = [planes[y, :, channel].tobytes() for channel in range(channels) for y in range(height)]
    if not packed:
        return body + struct.pack(">H", 0) + b"".join(rows)
    lines = [_packed(row) for row in rows]
    return body + struct.pack(">H", 1) + b"".join(struct.pack(">H", len(line)) for line in lines) + b"".join(lines)


def _packed(row: bytes) -> bytes:
    """PackBits with literal runs only."""
    return b"".join(bytes((len(part) - 1,)) + part for part in (row[at : at + 128] for at in range(0, len(row), 128)))
