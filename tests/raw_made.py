"""Build raw photos by hand: a DNG with a colour filter array, and layouts of other makers with a JPEG preview."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

Entry = tuple[int, int, int, bytes]
"""Tag, type, count and packed value."""

_SRGB_FROM_XYZ = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))


def short(tag: int, *values: int) -> Entry:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(tag: int, *values: int) -> Entry:
    return tag, 4, len(values), struct.pack(f"<{len(values)}I", *values)


def text(tag: int, value: str) -> Entry:
    return tag, 2, len(value) + 1, value.encode() + b"\0"


def octets(tag: int, *values: int) -> Entry:
    return tag, 1, len(values), bytes(values)


def rationals(tag: int, *values: float, signed: bool = False) -> Entry:
    parts = [part for value in values for part in (round(value * 10_000), 10_000)]
    return tag, 10 if signed else 5, len(values), struct.pack(f"<{len(parts)}{'i' if signed else 'I'}", *parts)


class TiffWriter:
    """A little-endian TIFF that grows: data first, directories in the order in which they are added."""

    def __init__(self, magic: bytes = b"II*\0", gap: int = 0) -> None:
        self.data = bytearray(magic + bytes(4) + bytes(gap))

    def put(self, body: bytes) -> int:
        self.data += bytes(len(self.data) % 2)
        self.data += body
        return len(self.data) - len(body)

    def directory(self, entries: Sequence[Entry], *, following: int = 0) -> int:
        packed = b""
        for tag, kind, count, value in sorted(entries):
            place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", self.put(value))
            packed += struct.pack("<HHI", tag, kind, count) + place
        return self.put(struct.pack("<H", len(entries)) + packed + struct.pack("<I", following))

    def finish(self, first: int) -> bytes:
        self.data[4:8] = struct.pack("<I", first)
        return bytes(self.data)


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 92, **options})
    return buffer.getvalue()


def filtered(image: Image.Image) -> np.ndarray:
    """The linear 14-bit values of a sensor behind a red, green, green, blue filter."""
    colours = np.asarray(image).astype(np.float64) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    mosaic = np.empty(linear.shape[:2])
    for y, x, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[y::2, x::2] = linear[y::2, x::2, channel]
    return np.round(mosaic * 16_383).astype("<u2")


def dng(image: Image.Image, *, preview: Image.Image | None = None, orientation: int = 1) -> bytes:
    """A thumbnail in the first directory, the sensor's values in a SubIFD, and optionally a JPEG in another."""
    file = TiffWriter()
    values = filtered(image)
    height, width = values.shape
    sensor = file.directory(
        [
            long(254, 0),
            long(256, width),
            long(257, height),
            short(258, 16),
            short(259, 1),
            short(262, 32_803),
            long(273, file.put(values.tobytes())),
            short(277, 1),
            long(278, height),
            long(279, values.nbytes),
            short(33_421, 2, 2),
            octets(33_422, 0, 1, 1, 2),
            short(50_714, 0),
            long(50_717, 16_383),
        ]
    )
    below = [sensor]
    if preview is not None:
        body = jpeg(preview)
        below.append(
            file.directory(
                [
                    long(254, 1),
                    long(256, preview.width),
                    long(257, preview.height),
                    short(258, 8, 8, 8),
                    short(259, 7),
                    short(262, 6),
                    long(273, file.put(body)),
                    short(277, 3),
                    long(278, preview.height),
                    long(279, len(body)),
                ]
            )
        )
    return file.finish(
        file.directory(
            [
                *_thumbnail(file, image),
                text(271, "Maker"),
                text(272, "Model"),
                short(274, orientation),
                long(330, *below),
                octets(50_706, 1, 4, 0, 0),
                octets(50_707, 1, 1, 0, 0),
                text(50_708, "Maker Model"),
                short(50_778, 21),
                rationals(50_721, *(value for row in _SRGB_FROM_XYZ for value in row), signed=True),
                rationals(50_728, 1.0, 1.0, 1.0),
            ]
        )
    )


def _thumbnail(file: TiffWriter, image: Image.Image) -> list[Entry]:
    small = image.resize((16, 12))
    return [
        long(254, 1),
        long(256, 16),
        long(257, 12),
        short(258, 8, 8, 8),
        short(259, 1),
        short(262, 2),
        long(273, file.put(small.tobytes())),
        short(277, 3),
        long(278, 12),
        long(279, 16 * 12 * 3),
    ]


def nef(image: Image.Image, *, orientation: int = 1) -> bytes:
    """Nikon: a thumbnail first; in the SubIFDs a JPEG of full size, and values in an unsupported packing."""
    file, body = TiffWriter(), jpeg(image)
    start = file.put(body)
    shown = file.directory([long(254, 1), short(259, 6), long(513, start), long(514, len(body))])
    sensor = file.directory(
        [
            long(254, 0),
            long(256, image.width),
            long(257, image.height),
            short(258, 14),
            short(259, 34_713),
            short(262, 32_803),
            long(273, file.put(b"packed" * 50)),
            short(277, 1),
            long(279, 300),
        ]
    )
    return file.finish(
        file.directory(
            [
                *_thumbnail(file, image),
                text(271, "NIKON CORPORATION"),
                text(272, "NIKON D90"),
                short(274, orientation),
                long(330, shown, sensor),
            ]
        )
    )


def cr2(image: Image.Image, *, orientation: int = 1) -> bytes:
    """Canon: the first directory is the full-size JPEG itself."""
    file, body = TiffWriter(gap=8), jpeg(image)
    file.data[8:16] = b"CR\x02\0" + bytes(4)
    start = file.put(body)
    return file.finish(
        file.directory(
            [
                long(256, image.width),
                long(257, image.height),
                short(258, 8, 8, 8),
                short(259, 6),
                text(271, "Canon"),
                text(272, "Canon EOS 5D"),
                long(273, start),
                short(274, orientation),
                long(279, len(body)),
            ]
        )
    )


def arw(image: Image.Image, small: Image.Image, *, orientation: int = 1) -> bytes:
    """Sony: a smaller JPEG in the first directory, the sensor in a SubIFD."""
    file, body = TiffWriter(), jpeg(small)
    start = file.put(body)
    sensor = file.directory(
        [
            long(254, 0),
            long(256, image.width),
            long(257, image.height),
            short(258, 12),
            short(259, 32_767),
            short(262, 32_803),
            long(273, file.put(b"packed" * 50)),
            short(277, 1),
            long(279, 300),
        ]
    )
    return file.finish(
        file.directory(
            [
                long(254, 1),
                short(259, 6),
                text(271, "SONY"),
                text(272, "ILCE-7"),
                short(274, orientation),
                long(330, sensor),
                long(513, start),
                long(514, len(body)),
            ]
        )
    )


def raf(image: Image.Image, **options) -> bytes:
    """Fujifilm: a header with the place of the JPEG, and of the raw header, which has the size."""
    body = jpeg(image, **options)
    records = struct.pack(">I", 1) + struct.pack(">HHHH", 0x111, 4, image.height, image.width)
    start = 160
    head = b"FUJIFILMCCD-RAW 0201FF383001" + b"X-T1".ljust(32, b"\0") + b"0100"
    head = head.ljust(84, b"\0") + struct.pack(">IIII", start, len(body), start + len(body), len(records))
    return head.ljust(start, b"\0") + body + records + b"packed" * 50


def cr3(image: Image.Image, *, orientation: int = 1) -> bytes:
    """Canon's newer format: boxes, with a TIFF directory in one and the JPEG in the last."""
    file = TiffWriter()
    directory = [short(256, image.width), short(257, image.height), text(271, "Canon"), short(274, orientation)]
    tags = file.finish(file.directory(directory))
    inner = (
        struct.pack(">I4s16s", 24 + 8 + len(tags), b"uuid", b"u" * 16)
        + struct.pack(">I4s", 8 + len(tags), b"CMT1")
        + tags
    )
    moov = struct.pack(">I4s", 8 + len(inner), b"moov") + inner
    body = jpeg(image) + b"packed" * 50
    return b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + moov + struct.pack(">I4s", 8 + len(body), b"mdat") + body
