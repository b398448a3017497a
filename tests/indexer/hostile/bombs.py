"""Small files that ask for gigabytes or minutes, one builder each."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

from PIL import Image

from tests.awkward import png_chunk, scene
from tests.indexer.hostile.seeds import rle_bmp, saved, seeds
from tests.profiles_made import ink_profile
from tests.raw_made import dng

Bomb: TypeAlias = tuple[str, Callable[[], bytes], str]
"""Suffix, builder, and what is said of it: "decoded", or words of the reason."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDE = 12_200
"""Squared, a little less than `DecodeConfig.max_pixels`: what passes that limit must be cheap too."""
_LARGE = (_SIDE, _SIDE)


def _put(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


# PNG


def packed_zeros(count: int) -> bytes:
    """As zlib packs that many zeros, made in no time: one block of a million, repeated (RFC 1950 and 1951)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks, rest = divmod(count, 1 << 20)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = last.compress(bytes(rest)) + last.flush()
    return b"\x78\xda" + block * blocks + end + struct.pack(">I", count % 65_521 << 16 | 1)


def _png(size: tuple[int, int], depth: int, colour: int, *chunks: bytes, interlace: int = 0) -> bytes:
    """All zeros, so that a thousandth of it is left once it is packed."""
    width, height = size
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packed = packed_zeros((1 + (width * depth * channels + 7) // 8) * height)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    palette = png_chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return b"".join((_SIGNATURE, header, palette, *chunks, png_chunk(b"IDAT", packed), png_chunk(b"IEND", b"")))


def _png_small(*chunks: bytes, after: bytes = b"") -> bytes:
    data = saved(scene(1, (20, 15)), "PNG")
    end = data.index(b"IEND") - 4
    return data[:33] + b"".join(chunks) + data[33:end] + after + data[end:]


def _many_frames() -> bytes:
    control = png_chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0))
    body = struct.pack(">IIIIHHBB", 20, 15, 0, 0, 1, 1, 0, 0)
    frames = b"".join(
        png_chunk(b"fcTL", struct.pack(">I", 2 * turn) + body)
        + png_chunk(b"fdAT", struct.pack(">I", 2 * turn + 1) + b"x")
        for turn in range(1, 45_000)
    )
    return _png_small(control, png_chunk(b"fcTL", struct.pack(">I", 0) + body), after=frames)


def _exif_of_many_entries() -> bytes:
    count = 400_000
    block = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, count) + struct.pack("<HHQQ", 0x9003, 1, 1, 65) * count
    return _png_small(png_chunk(b"eXIf", block))


# JPEG


def _jpeg_sized(data: bytes, size: tuple[int, int]) -> bytes:
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return _put(data, frame + 5, struct.pack(">HH", size[1], size[0]))


def _jpeg_of_scans(count: int, size: tuple[int, int]) -> bytes:
    """Progressive, the last scan repeated: a hundred bytes for each time that libjpeg walks all pixels."""
    data = _jpeg_sized(saved(scene(1, (20, 15)), "JPEG", progressive=True, subsampling=0), size)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def _jpeg_exif_loop() -> bytes:
    """IFD0 whose Exif directory, and whose next directory, is itself."""
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    return saved(scene(1, (20, 15)), "JPEG", exif=block)


# GIF


def _gif(
    *, canvas: tuple[int, int] = (20, 15), frame: tuple[int, int] = (20, 15), before: bytes = b"", frames: int = 1
) -> bytes:
    """One frame of another size than it has, any number of times, behind any blocks."""
    data = saved(scene(1, (20, 15)).quantize(4), "GIF")
    start = 13 + (3 << (data[10] & 7) + 1)
    at = data.index(b",", start)
    picture = data[at : at + 5] + struct.pack("<HH", *frame) + data[at + 9 : -1]
    return data[:6] + struct.pack("<HH", *canvas) + data[10:start] + before + picture * frames + b";"


# TIFF


def _tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"", *, after: int = 0) -> bytes:
    """One directory at byte 8 and what lies behind it; an entry is (tag, type, count, value or offset)."""
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0\x08\0\0\0" + body + struct.pack("<I", after) + tail


def _tiff_entries(size: tuple[int, int], **more: int) -> list[tuple[int, int, int, int]]:
    tags = {"compression": 259, "samples": 277, "rows": 278, "tile_width": 322, "tile_height": 323}
    fixed = [
        (256, 4, 1, size[0]),
        (257, 4, 1, size[1]),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 300),
        (279, 4, 1, 200),
    ]
    if "tile_width" in more:
        fixed = [entry for entry in fixed if entry[0] not in (273, 279)] + [(324, 4, 1, 300), (325, 4, 1, 200)]
    return fixed + [(tags[name], 4, 1, value) for name, value in more.items()]


def _tiff_of_strips(count: int) -> bytes:
    entries = [(256, 4, 1, 1), (257, 4, 1, count), (258, 3, 1, 8), (262, 3, 1, 1), (278, 4, 1, 1)]
    start = 8 + 2 + 12 * 7 + 4
    entries += [(273, 4, count, start), (279, 4, count, start + 4 * count)]
    return _tiff(entries, struct.pack("<I", 8) * count + struct.pack("<I", 1) * count)


def _tiff_of_pages(count: int) -> bytes:
    page = saved(Image.new("L", (4, 3)), "TIFF")
    (first,) = struct.unpack_from("<I", page, 4)
    (entries,) = struct.unpack_from("<H", page, first)
    directory = page[first : first + 2 + 12 * entries]
    data = bytearray(page)
    link = first + len(directory)
    for _ in range(count):
        data += b"\0" * (len(data) % 2)
        struct.pack_into("<I", data, link, len(data))
        data += directory + bytes(4)
        link = len(data) - 4
    return bytes(data)


def _tiff_of_exif(count: int) -> bytes:
    """A BigTIFF whose Exif directory has a great many entries."""
    page = saved(Image.new("L", (4, 3)), "TIFF", big_tiff=True, tiffinfo={34665: 0})
    (first,) = struct.unpack_from("<Q", page, 8)
    (entries,) = struct.unpack_from("<Q", page, first)
    tags = [struct.unpack_from("<H", page, first + 8 + 20 * turn)[0] for turn in range(entries)]
    page += bytes(-len(page) % 2)
    place = first + 8 + 20 * tags.index(34665)
    page = _put(page, place, struct.pack("<HHQQ", 34665, 4, 1, len(page)))
    return page + struct.pack("<Q", count) + struct.pack("<HHQQ", 0x9003, 1, 1, 65) * count


# WebP, AVIF, HEIF


def _webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _webp_of_frames(count: int) -> bytes:
    still = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    size = b"\0\0\0"
    frame = b"ANMF" + struct.pack("<I", 16 + len(still)) + size * 4 + b"\x0a\0\0\0" + still
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size * 2
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame * count
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _sized_boxes(data: bytes, size: tuple[int, int]) -> bytes:
    """Every `ispe` box, which declares the size of an item, set to another size."""
    at = -1
    while (at := data.find(b"ispe", at + 1)) >= 0:
        data = _put(data, at + 8, struct.pack(">II", *size))
    return data


def _heic_grid(rows: int, columns: int, size: tuple[int, int]) -> bytes:
    """A grid of many more tiles than there are: version, flags, rows - 1, columns - 1, width, height."""
    data = seeds()["heic grid"]
    at = data.index(b"\0\0\x01\x02\0\xa0\0\x80")  # 2 rows of 3 tiles, 160 by 128
    return _put(data, at, struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size))


def _rle_rows(size: tuple[int, int]) -> bytes:
    """Nothing but ends of rows."""
    data = rle_bmp(scene(3, (20, 15)))
    return _put(data, 18, struct.pack("<ii", *size))[: 14 + 40 + 1024] + b"\1\1\0\0" * size[1] + b"\0\1"


def _raw_of_directories() -> bytes:
    """Each leads to all the others."""
    count, entry = 1_000, 2 + 12 + 4
    places = [8 + entry * turn for turn in range(count)]
    table = 8 + entry * count
    one = struct.pack("<HHHII", 1, 330, 4, count, table) + struct.pack("<I", 8)
    return b"II*\0" + struct.pack("<I", 8) + one * count + struct.pack(f"<{count}I", *places)


def _psd(size: tuple[int, int]) -> bytes:
    """Three channels of zeros, as PackBits packs them."""
    row = b"\x81\0" * (size[0] // 128 + 1)
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, size[1], size[0], 8, 3) + bytes(12)
    return head + b"\0\1" + struct.pack(">H", len(row)) * size[1] * 3 + row * size[1] * 3


def bombs() -> dict[str, Bomb]:
    """What it is -> the bomb; an empty word where it may be decoded or not, if it only costs nothing."""
    jpeg, webp, avif = seeds()["jpeg"], seeds()["webp lossy"], seeds()["avif"]
    tiles = {"tile_width": 65_535, "tile_height": 65_535}
    return {
        "png 50,000 x 50,000 of 1 bit": (".png", lambda: _png((50_000, 50_000), 1, 0), "too many pixels"),
        "png at the limit, 1 bit": (".png", lambda: _png(_LARGE, 1, 0), "decoded"),
        "png of 1 x 100,000": (".png", lambda: _png((1, 100_000), 8, 0), "too long a side"),
        "png of 65,535 x 1": (".png", lambda: _png((65_535, 1), 8, 2), "decoded"),
        "png zTXt": (
            ".png",
            lambda: _png_small(png_chunk(b"zTXt", b"Comment\0\0" + packed_zeros(200_000_000))),
            "too large",
        ),
        "png iTXt": (
            ".png",
            lambda: _png_small(png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + packed_zeros(200_000_000))),
            "too large",
        ),
        "png iCCP": (
            ".png",
            lambda: _png_small(png_chunk(b"iCCP", b"ICC\0\0" + packed_zeros(200_000_000))),
            "decoded",
        ),
        "png many zTXt": (
            ".png",
            lambda: _png_small(png_chunk(b"zTXt", b"Comment\0\0" + packed_zeros(1_000_000)) * 300),
            "text chunks",
        ),
        "png of empty chunks": (".png", lambda: _png_small(png_chunk(b"abCd", b"") * 300_000), "more than 100,000"),
        "png of empty pixel chunks": (
            ".png",
            lambda: _png_small(png_chunk(b"IDAT", b"") * 300_000),
            "more than 100,000",
        ),
        "png as many chunks as may be": (".png", lambda: _png_small(png_chunk(b"abCd", b"") * 99_000), "decoded"),
        "apng 2^31 frames": (".apng", _many_frames, "decoded"),
        "png exif of 400,000 tags": (".png", _exif_of_many_entries, "decoded"),
        "jpeg 65,500 x 65,500": (".jpg", lambda: _jpeg_sized(jpeg, (65_500, 65_500)), "too many pixels"),
        "jpeg at the limit, cut": (".jpg", lambda: _jpeg_sized(jpeg, _LARGE), ""),
        "jpeg of 1,000 scans": (".jpg", lambda: _jpeg_of_scans(1_000, _LARGE), "too many scans"),
        "jpeg of 8 scans at the limit": (".jpg", lambda: _jpeg_of_scans(0, _LARGE), ""),
        "jpeg of fill bytes": (".jpg", lambda: b"\xff\xd8" + b"\xff" * 50_000_000 + jpeg[2:], "belong to no segment"),
        "jpeg of zero bytes": (".jpg", lambda: b"\xff\xd8" + bytes(50_000_000) + jpeg[2:], "belong to no segment"),
        "jpeg of escaped bytes": (".jpg", lambda: b"\xff\xd8" + b"\xff\0" * 9_000_000 + jpeg[2:], "more than 100,000"),
        "jpeg of segments": (".jpg", lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 400_000 + jpeg[2:], "more than 100,000"),
        "jpeg of exif segments": (
            ".jpg",
            lambda: (
                b"\xff\xd8"
                + b"\xff\xe1\xff\xffExif\0\0"
                + (bytes(65_527) + b"\xff\xe1\xff\xffExif\0\0") * 400
                + bytes(65_527)
                + jpeg[2:]
            ),
            "segments of EXIF",
        ),
        "jpeg exif loop": (".jpg", _jpeg_exif_loop, "decoded"),
        "gif canvas of 65,535 x 65,535": (".gif", lambda: _gif(canvas=(65_535, 65_535)), "too many pixels"),
        "gif frame of 65,535 x 65,535": (".gif", lambda: _gif(frame=(65_535, 65_535)), "too many pixels"),
        "gif of 100,000 frames": (".gif", lambda: _gif(frames=100_000), "decoded"),
        "gif of extensions": (".gif", lambda: _gif(before=b"!\xff\0" * 300_000), "more than 100,000 blocks"),
        "gif of comments": (".gif", lambda: _gif(before=b"!\xfe" + b"\1a" * 900_000 + b"\0"), "more than 100,000"),
        "gif of nothing": (".gif", lambda: _gif(before=b"\1" * 3_000_000), "more than 100,000"),
        "tiff of 400,000 strips": (".tif", lambda: _tiff_of_strips(400_000), "too many strips"),
        "tiff of 60,000 strips": (".tif", lambda: _tiff_of_strips(60_000), "decoded"),
        "tiff strip of 4 GiB": (
            ".tif",
            lambda: _tiff(_tiff_entries((9, 9), rows=0xFFFFFFFF, compression=5), bytes(999)),
            "",
        ),
        "tiff tile of 65,535 x 65,535": (
            ".tif",
            lambda: _tiff(_tiff_entries((9, 9), compression=5, **tiles), bytes(999)),
            "tiles of",
        ),
        "tiff raw tile of 65,535 x 65,535": (
            ".tif",
            lambda: _tiff(_tiff_entries((9, 9), compression=1, **tiles), bytes(999)),
            "tiles of",
        ),
        "tiff fax of 150,000,000 columns": (
            ".tif",
            lambda: _tiff(_tiff_entries((150_000_000, 1), compression=4), bytes(999)),
            "too long a side",
        ),
        "tiff of 65,535 samples": (".tif", lambda: _tiff(_tiff_entries((9, 9), samples=65_535), bytes(999)), ""),
        "tiff of 60,000 entries": (".tif", lambda: _tiff([(700, 1, 1, 0)] * 60_000), "a directory of more"),
        "tiff page that follows itself": (".tif", lambda: _tiff(_tiff_entries((9, 9)), bytes(999), after=8), "decoded"),
        "tiff exif of 1,000,000 entries": (".tif", lambda: _tiff_of_exif(1_000_000), "a directory of more"),
        "tiff of 100,000 pages": (".tif", lambda: _tiff_of_pages(100_000), "decoded"),
        "webp 16,383 x 16,383": (
            ".webp",
            lambda: _webp(b"VP8L", b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14) + bytes(50)),
            "too many pixels",
        ),
        "webp lossy header at the limit": (
            ".webp",
            lambda: _put(webp, webp.index(b"VP8 ") + 14, struct.pack("<HH", 7_000, 7_000)) if b"VP8 " in webp else webp,
            "",
        ),
        "webp of 100,000 frames": (".webp", lambda: _webp_of_frames(100_000), "decoded"),
        "avif declared at the limit": (".avif", lambda: _sized_boxes(avif, (7_000, 7_000)), ""),
        "avif declared beyond it": (".avif", lambda: _sized_boxes(avif, _LARGE), "too many pixels"),
        "heic declared at the limit": (".heic", lambda: _sized_boxes(seeds()["heic"], (7_000, 7_000)), ""),
        "heic declared beyond it": (".heic", lambda: _sized_boxes(seeds()["heic"], _LARGE), ""),
        "heic grid of 65,536 tiles": (".heic", lambda: _heic_grid(256, 256, (7_000, 7_000)), ""),
        "heic grid of a giant": (
            ".heic",
            lambda: _sized_boxes(_heic_grid(256, 256, (65_000, 65_000)), (65_000, 65_000)),
            "",
        ),
        "psd of 100,000 x 100,000": (
            ".psd",
            lambda: _psd((16, 16))[:14] + struct.pack(">II", 100_000, 100_000) + _psd((16, 16))[22:],
            "too many pixels",
        ),
        "psd of resources": (
            ".psd",
            lambda: _psd((16, 16))[:30] + struct.pack(">I", 12_000_000) + b"8BIM\3\xe8\0\0\0\0\0\0" * 1_000_000,
            "resources",
        ),
        "raw of a thousand directories": (".dng", _raw_of_directories, ""),
        "raw of previews": (
            ".raf",
            lambda: b"FUJIFILMCCD-RAW " + bytes(200) + b"\xff\xd8\xff\xe0\0\4ab" * 3_000_000,
            "",
        ),
        "raw of 60,000 x 60,000": (
            ".dng",
            lambda: seeds()["raw dng"].replace(
                struct.pack("<HHII", 256, 4, 1, 40), struct.pack("<HHII", 256, 4, 1, 60_000)
            ),
            "",
        ),
        "jxl of 2^30 x 2^30": (".jxl", lambda: b"\xff\x0a" + b"\xfe" * 60, "too many pixels"),
        "jpeg of markers without end": (".jpg", lambda: jpeg[:-2] + b"\xff\xda\0\2" * 400_000, "segments"),
        "jpeg of 50,000 small scans": (".jpg", lambda: jpeg[:-2] + b"\xff\xda\0\2" * 50_000, "too many scans"),
        "jpeg of as many scans as may be": (".jpg", lambda: jpeg[:-2] + b"\xff\xda\0\2" * 5_900, ""),
        "png of a profile of 200 MB": (
            ".png",
            lambda: _png_small(png_chunk(b"iCCP", b"ICC\0\0" + packed_zeros(200_000_000))),
            "decoded",
        ),
        "bmp of 2^31 x 2^31": (
            ".bmp",
            lambda: _put(seeds()["bmp"], 18, struct.pack("<ii", 0x7FFFFFFF, 0x7FFFFFFF)),
            "too many pixels",
        ),
        "bmp header of 4 GiB": (".bmp", lambda: _put(seeds()["bmp"], 14, b"\xff\xff\xff\xff"), ""),
        "bmp palette of 2^31": (".bmp", lambda: _put(seeds()["bmp palette"], 46, b"\xff\xff\xff\x7f"), ""),
        "bmp of run lengths": (".bmp", lambda: rle_bmp(scene(3, (20, 15))) + b"\1\1" * 4_000_000, "run-length"),
        "bmp of empty rows": (".bmp", lambda: _rle_rows((65_535, 2_200)), "run-length"),
        "bmp of as many empty rows as may be": (".bmp", lambda: _rle_rows((65_535, 122)), "decoded"),
        "bmp of skipped rows": (
            ".bmp",
            lambda: _put(rle_bmp(scene(3, (20, 15))), 18, struct.pack("<ii", *_LARGE)) + b"\0\2\xff\xff" * 1_000,
            "run-length",
        ),
        "icon of a huge png": (".png", lambda: b"\0\0\1\0\1\0" + bytes(16) + _png((9, 9), 1, 0), "an icon"),
        "svg": (".png", lambda: b'<svg width="99999999" height="99999999"/>', "not a picture: it is an SVG"),
        "html": (".png", lambda: b"<!DOCTYPE html><html>" * 9, "not a picture: it is a web page"),
        "jpeg 2000": (".jpg", lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\xff" * 99, "not a picture: it is a JPEG 2000"),
        "zeros": (".jpg", lambda: bytes(60_000_000), "nothing but zero bytes"),
    }


def giants() -> dict[str, Bomb]:
    """Pictures that are no lie: as large as is allowed, which costs seconds to make and to decode."""
    return {
        "png at the limit, palette and alpha": (
            ".png",
            lambda: _png(_LARGE, 8, 3, png_chunk(b"tRNS", b"\0\1")),
            "decoded",
        ),
        "gif at the limit": (".gif", lambda: saved(Image.new("P", _LARGE), "GIF"), "decoded"),
        "tiff at the limit": (".tif", lambda: saved(Image.new("1", _LARGE), "TIFF", compression="group4"), "decoded"),
        "webp at the limit": (
            ".webp",
            lambda: saved(Image.new("RGB", (7_000, 7_000)), "WEBP", lossless=True, method=0),
            "decoded",
        ),
        "tiff of floats at the limit": (
            ".tif",
            lambda: saved(Image.new("F", _LARGE), "TIFF", compression="tiff_adobe_deflate"),
            "decoded",
        ),
        "tiff of 16 bits at the limit": (
            ".tif",
            lambda: saved(Image.new("I;16", _LARGE), "TIFF", compression="tiff_lzw"),
            "decoded",
        ),
        "png alpha at the limit": (".png", lambda: _png(_LARGE, 8, 6), "decoded"),
        "png 16-bit alpha at the limit": (".png", lambda: _png(_LARGE, 16, 6), "decoded"),
        "png 16-bit that is dark": (".png", lambda: _png((7_070, 7_070), 16, 2), "decoded"),
        "png 16-bit that is dark, at the limit": (".png", lambda: _png(_LARGE, 16, 2), "decoded"),
        "psd at the limit": (".psd", lambda: _psd(_LARGE), "decoded"),
        "raw at the limit": (".dng", lambda: dng(Image.new("RGB", (7_000, 7_000))), "decoded"),
        "jxl at the limit": (
            ".jxl",
            lambda: saved(Image.new("RGB", (7_000, 7_000)), "JXL", lossless=True, effort=1),
            "decoded",
        ),
        "jpeg without end": (".jpg", lambda: saved(Image.new("RGB", (7_200, 7_200)), "JPEG")[:-2], "decoded"),
        "jpeg without end, progressive": (
            ".jpg",
            lambda: saved(Image.new("RGB", (4_500, 4_500)), "JPEG", progressive=True)[:-2],
            "decoded",
        ),
        "jpeg without end at the limit": (".jpg", lambda: saved(Image.new("RGB", _LARGE), "JPEG")[:-2], "truncated"),
        "tiff cmyk with a profile": (
            ".tif",
            lambda: saved(Image.new("CMYK", _LARGE), "TIFF", compression="tiff_lzw", icc_profile=ink_profile()),
            "decoded",
        ),
        "avif at the limit": (".avif", lambda: saved(Image.new("RGB", (7_000, 7_000)), "AVIF", speed=10), "decoded"),
        "jpeg cmyk at the limit": (
            ".jpg",
            lambda: saved(Image.new("CMYK", _LARGE), "JPEG", progressive=True),
            "too many scans",
        ),
    }
