"""The white point of 16-bit files with values of 10, 12 and 14 bits."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from search.pictures.colours.sample_depth import top_of
from search.pictures.decode import decode, load_picture
from tests.awkward import png, png_16, png_chunk, scene
from tests.raw_made import TiffWriter, long, short
from tests.search.pictures.test_decode import difference, saved

DEPTHS = (8, 10, 12, 14, 16)


def levels_of(image: Image.Image, depth: int) -> np.ndarray:
    """The same picture in values of so many bits, whose maximum occurs."""
    levels = np.round(np.asarray(image) / 255 * ((1 << depth) - 1)).astype(np.uint16)
    levels.reshape(-1)[-3:] = (1 << depth) - 1
    return levels


def tiff(levels: np.ndarray, *, bits: int = 16, packed: bytes | None = None, **tags: int) -> bytes:
    """One strip; `tags` by name."""
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    file = TiffWriter()
    body = packed if packed is not None else levels.astype("<u2").tobytes()
    more = {"maximum": 281, "compression": 259}
    entries = [
        long(256, levels.shape[1]),
        long(257, levels.shape[0]),
        short(258, *[bits] * channels),
        short(262, 1 if channels == 1 else 2),
        long(273, file.put(body)),
        short(277, channels),
        long(278, levels.shape[0]),
        long(279, len(body)),
        *([short(338, 2)] if channels == 4 else []),
        *(short(more[name], value) for name, value in tags.items()),
    ]
    return file.finish(file.directory(entries))


def big_endian(levels: np.ndarray) -> bytes:
    """Three channels in one strip, big-endian."""
    body = levels.astype(">u2").tobytes()
    bits = 8 + len(body)
    numbers = (
        (256, 4, 1, levels.shape[1]),
        (257, 4, 1, levels.shape[0]),
        (258, 3, 3, bits),
        (259, 3, 1, 1 << 16),
        (262, 3, 1, 2 << 16),
        (273, 4, 1, 8),
        (277, 3, 1, 3 << 16),
        (278, 4, 1, levels.shape[0]),
        (279, 4, 1, len(body)),
    )
    directory = struct.pack(">H", len(numbers)) + b"".join(struct.pack(">HHII", *each) for each in numbers) + bytes(4)
    return b"MM\0*" + struct.pack(">I", bits + 6) + body + struct.pack(">HHH", 16, 16, 16) + directory


def test_white_point():
    assert [top_of(value) for value in (0, 255, 256, 1023, 1024, 4095, 4096, 16383, 16384, 65535)] == [
        255,
        255,
        1023,
        1023,
        4095,
        4095,
        16383,
        16383,
        65535,
        65535,
    ]
    assert top_of(65536) is None
    assert top_of(300, 4095) == 4095
    assert top_of(5000, 4095) == 16383  # the file does not keep to what it declares
    assert top_of(0, 4095) == 255


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["png", "tiff", "image"])
def test_grey(kind, depth):
    grey = scene(2).convert("L")
    levels = levels_of(grey, depth)
    source = {"png": png_16, "tiff": tiff, "image": Image.fromarray}[kind](levels)
    assert difference(load_picture(source), grey.convert("RGB")) < 0.6


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["png", "tiff", "tiff of the other byte order", "tiff that is packed"])
def test_colours(kind, depth):
    levels = levels_of(scene(2), depth)
    if kind == "png":
        data = png_16(levels)
    elif kind == "tiff that is packed":
        data = tiff(levels, packed=zlib.compress(levels.astype("<u2").tobytes()), compression=8)
    else:
        data = tiff(levels) if kind == "tiff" else big_endian(levels)
    assert difference(decode(data, name="x"), scene(2)) < 1.1
    small = decode(data, name="x", target=16)
    assert difference(small, decode(saved(scene(2), "PNG"), name="x", target=16)) < 1.1


@pytest.mark.parametrize("depth", [10, 12, 14])
def test_colours_with_alpha(depth):
    levels = levels_of(scene(2), depth)
    for opaque in ((1 << depth) - 1, 65535):
        rgba = np.dstack([levels, np.full(levels.shape[:2], opaque, np.uint16)])
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgba)
        data = png((levels.shape[1], levels.shape[0], 16, 6), rows)
        assert difference(decode(data, name="x"), scene(2)) < 1.1


def test_the_declaration_of_a_png_is_used():
    dim = np.round(np.asarray(scene(2).convert("L")) / 255 * 1000).astype(np.uint16)
    expected = Image.fromarray(np.round(dim * (255 / 4095)).astype(np.uint8)).convert("RGB")
    assert difference(decode(png_16(dim, png_chunk(b"sBIT", b"\x0c")), name="x"), expected) < 0.6
    black = Image.fromarray(np.round(dim / 257).astype(np.uint8)).convert("RGB")
    assert difference(decode(png_16(dim, png_chunk(b"sBIT", b"\x10")), name="x"), black) < 0.6


def test_values_that_were_scaled_up_by_the_png_standard_are_kept():
    levels = levels_of(scene(2).convert("L"), 12)
    data = png_16(levels << 4, png_chunk(b"sBIT", b"\x0c"))
    assert difference(decode(data, name="x"), scene(2).convert("L").convert("RGB")) < 1


def test_the_declaration_of_a_tiff_is_used():
    dim = np.round(np.asarray(scene(2).convert("L")) / 255 * 1000).astype(np.uint16)
    for top in (4095, 2000, 65535):
        expected = Image.fromarray(np.round(dim * (255 / top)).astype(np.uint8)).convert("RGB")
        assert difference(decode(tiff(dim, maximum=top), name="x"), expected) < 0.6


def test_packed_twelve_bits():
    levels = levels_of(scene(2).convert("L"), 12)
    pairs = levels.reshape(-1, 2).astype(np.uint32)
    joined = pairs[:, 0] << 12 | pairs[:, 1]
    packed = np.stack([joined >> 16, joined >> 8 & 255, joined & 255], axis=1).astype(np.uint8).tobytes()
    data = tiff(levels, bits=12, packed=packed)
    assert difference(decode(data, name="x"), scene(2).convert("L").convert("RGB")) < 0.6


def test_a_file_and_its_reduced_reading_agree(monkeypatch):
    from search.pictures.colours import deep as deep_colours
    from search.pictures.colours import pixel_modes

    data = png_16(levels_of(scene(2, (300, 200)), 12))
    whole = decode(data, name="x")
    monkeypatch.setattr(pixel_modes, "_BAND", 900)
    monkeypatch.setattr(deep_colours, "_BAND", 900)
    assert difference(decode(data, name="x"), whole) == 0


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("opaque", ["as deep", "full"])
def test_grey_with_alpha_is_scaled_too(depth, opaque):
    grey = scene(64).convert("L")
    levels = levels_of(grey, depth)
    alpha = np.full_like(levels, (1 << depth) - 1 if opaque == "as deep" else 65_535)
    rows = np.dstack([levels, alpha]).astype(">u2")
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", grey.width, grey.height, 16, 4, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*each) for each in ((b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    )
    assert difference(decode(data, name="x"), grey.convert("RGB")) < 2
