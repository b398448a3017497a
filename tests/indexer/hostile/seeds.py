"""Small real pictures of every format that the decoder reads, in as many of its ways as can be written here."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
import pillow_heif
import pillow_jxl  # registers the encoder of JPEG XL
from PIL import Image, PngImagePlugin

from tests.awkward import exif, png, png_16, png_chunk, scene, ycck_jpeg
from tests.profiles_made import grey_profile, ink_profile, rgb_profile
from tests.psd_made import psd, resource
from tests.raw_made import arw, cr2, cr3, dng, nef, raf

assert pillow_jxl

SIZE = (40, 30)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=50, **options)
    return buffer.getvalue()


def frames(image: Image.Image, kind: str, count: int = 4, **options) -> bytes:
    others = [image.rotate(90 * turn) for turn in range(1, count)]
    return saved(image, kind, save_all=True, append_images=others, **options)


def interlaced_png(image: Image.Image) -> bytes:
    """Adam7 by hand (PNG specification, section 8.2), as Pillow writes none."""
    pixels = np.asarray(image)
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = [pixels[top::down, left::right] for top, left, down, right in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def rle_bmp(image: Image.Image) -> bytes:
    """RLE8 by hand: Pillow reads it and does not write it."""
    grey = image.convert("L").quantize(16)
    palette = bytes(grey.getpalette() or ()).ljust(768, b"\0")
    colours = b"".join(palette[at : at + 3][::-1] + b"\0" for at in range(0, 768, 3))
    coded = bytearray()
    for row in np.asarray(grey)[::-1]:
        for value in row:
            coded += bytes((1, value))
        coded += b"\0\0"
    coded += b"\0\1"
    start = 14 + 40 + 1024
    header = b"BM" + struct.pack("<IHHI", start + len(coded), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, *grey.size, 1, 8, 1, len(coded), 2835, 2835, 256, 0)
    return header + colours + bytes(coded)


def tiled_tiff(image: Image.Image) -> bytes:
    """Uncompressed tiles of 16 by 16, by hand (TIFF 6.0, section 15)."""
    wide, high = -(-image.width // 16), -(-image.height // 16)
    canvas = np.zeros((high * 16, wide * 16, 3), np.uint8)
    canvas[: image.height, : image.width] = np.asarray(image)
    tiles = [canvas[y : y + 16, x : x + 16].tobytes() for y in range(0, high * 16, 16) for x in range(0, wide * 16, 16)]
    count, first = len(tiles), 8 + sum(map(len, tiles))
    offsets = first
    lengths = offsets + 4 * count
    bits = lengths + 4 * count
    directory = bits + 6
    size = ((256, 3, 1, image.width), (257, 3, 1, image.height), (258, 3, 3, bits))
    colour = ((259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3))
    entries = (*size, *colour, (322, 3, 1, 16), (323, 3, 1, 16), (324, 4, count, offsets), (325, 4, count, lengths))
    data = b"II*\0" + struct.pack("<I", directory) + b"".join(tiles)
    data += struct.pack(f"<{count}I", *(8 + 768 * turn for turn in range(count)))
    data += struct.pack(f"<{count}I", *[768] * count) + struct.pack("<HHH", 8, 8, 8)
    return data + struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)


def _png_with_texts(image: Image.Image) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "seen " * 50, zip=True)
    texts.add_itxt("Title", "día 写真", zip=True)
    return saved(image, "PNG", pnginfo=texts, icc_profile=b"profile" * 40, exif=exif(6))


def _png_with(image: Image.Image, *chunks: bytes) -> bytes:
    data = saved(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


@cache
def seeds() -> dict[str, bytes]:
    """Kind -> the file's bytes; the same in every run with the same libraries."""
    image = scene(11, SIZE)
    grey, bits, palette, rgba = image.convert("L"), image.convert("1"), image.quantize(32), image.convert("RGBA")
    rgba.putalpha(grey)
    wide = np.asarray(grey).astype(np.uint16) * 257
    found = {
        "jpeg": saved(image, "JPEG", exif=exif(6), comment=b"seen"),
        "jpeg progressive": saved(image, "JPEG", progressive=True, subsampling=0),
        "jpeg grey": saved(grey, "JPEG", icc_profile=b"profile" * 40),
        "jpeg cmyk": saved(image.convert("CMYK"), "JPEG"),
        "jpeg ycck": ycck_jpeg(image),
        "jpeg restarts": saved(image, "JPEG", restart_marker_blocks=1, optimize=True),
        "mpo": frames(image, "MPO"),
        "png": saved(image, "PNG"),
        "png palette": saved(palette, "PNG", transparency=3),
        "png alpha": saved(rgba, "PNG"),
        "png 1-bit": saved(bits, "PNG"),
        "png 2-bit": saved(image.quantize(4), "PNG", bits=2),
        "png 4-bit": saved(image.quantize(16), "PNG", bits=4),
        "png 16-bit": png_16(wide),
        "png 16-bit rgb": png_16(np.asarray(image).astype(np.uint16) * 257, png_chunk(b"tRNS", b"\0\1\0\2\0\3")),
        "png key": png((4, 3, 8, 0), b"\0abcd" * 3, png_chunk(b"tRNS", b"\0a")),
        "png interlaced": interlaced_png(image),
        "png texts": _png_with_texts(image),
        "apng": frames(image, "PNG"),
        "gif": saved(palette, "GIF", transparency=1, interlace=1),
        "gif animated": frames(image, "GIF", loop=0, duration=40, comment=b"seen"),
        "webp lossy": saved(image, "WEBP", quality=50, exif=exif(8)),
        "webp lossless": saved(image, "WEBP", lossless=True),
        "webp alpha": saved(rgba, "WEBP", quality=50),
        "webp animated": frames(image, "WEBP"),
        "avif": saved(image, "AVIF", quality=50, exif=exif(6)),
        "avif alpha": saved(rgba, "AVIF", quality=50),
        "avif animated": frames(image, "AVIF", count=3),
        "heic": heic(image, exif=exif(6)),
        "heic alpha": heic(rgba),
        "heic grid": heic(scene(12, (160, 128)), tile_size=64),
        "tiff": saved(image, "TIFF", exif=exif(6)),
        "tiff tiled": tiled_tiff(image),
        "tiff pages": frames(image, "TIFF", compression="tiff_lzw"),
        "tiff big": saved(image, "TIFF", big_tiff=True),
        "tiff cmyk": saved(image.convert("CMYK"), "TIFF", compression="packbits"),
        "tiff lab": saved(image.convert("LAB"), "TIFF"),
        "tiff float": saved(Image.fromarray(wide.astype(np.float32)), "TIFF"),
        "tiff 32-bit": saved(Image.fromarray(wide.astype(np.int32)), "TIFF", compression="tiff_lzw"),
        "tiff 16-bit": saved(Image.fromarray(wide), "TIFF", compression="tiff_adobe_deflate"),
        "bmp": saved(image, "BMP"),
        "bmp alpha": saved(rgba, "BMP"),
        "bmp palette": saved(palette, "BMP"),
        "bmp 1-bit": saved(bits, "BMP"),
        "bmp rle": rle_bmp(image),
        "jpeg profile": saved(image, "JPEG", icc_profile=rgb_profile("Display P3")),
        "jpeg cmyk profile": saved(image.convert("CMYK"), "JPEG", icc_profile=ink_profile()),
        "jpeg without end": saved(image, "JPEG")[:-2],
        "jpeg motion": saved(image, "JPEG") + b"MotionPhoto_Data" + b"\xff\xda\xff\xd9" * 50,
        "png profile": saved(image, "PNG", icc_profile=rgb_profile("ProPhoto")),
        "png 12-bit": png_16(np.asarray(image).astype(np.uint16) * 16, png_chunk(b"sBIT", b"\x0c\x0c\x0c")),
        "png gamma": _png_with(image, png_chunk(b"gAMA", b"\0\1\x86\xa0"), png_chunk(b"cHRM", b"\0\0\x7a\x26" * 8)),
        "tiff grey profile": saved(grey, "TIFF", icc_profile=grey_profile(1.0)),
        "webp profile": saved(image, "WEBP", icc_profile=rgb_profile("linear")),
        "psd": psd(image, resource(1039, rgb_profile("Adobe RGB")), alpha=grey, layers=-1),
        "psd cmyk": psd(image.convert("CMYK"), packed=False),
        "raw dng": dng(image),
        "raw dng preview": dng(image, preview=image, orientation=6),
        "raw nef": nef(image),
        "raw cr2": cr2(image),
        "raw cr3": cr3(image),
        "raw raf": raf(image),
        "raw arw": arw(image, image.resize((20, 15))),
        "jxl": saved(rgba, "JXL", lossless=True, effort=1, exif=exif(6)),
        "jxl lossy": saved(image, "JXL", quality=80, effort=3),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        found[f"tiff {compression}"] = saved(image, "TIFF", compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        found[f"tiff {compression}"] = saved(bits, "TIFF", compression=compression)
    return found
