"""Awkward picture files, made on the spot: good ones of every kind, and ones that no decoder should accept.

Every good file shows another scene, so that an encoder worth its name tells them apart and each file is its own
nearest neighbour. `expected_pictures` says what each should look like once decoded.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

SIZE = (160, 120)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A gradient between two colours with big coloured shapes on it; smooth enough for lossy formats to keep."""
    rng = np.random.default_rng(seed)
    width, height = size
    first, second = rng.integers(0, 256, (2, 3))
    angle = rng.uniform(0, np.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    blend = (x * np.cos(angle) + y * np.sin(angle))[:, :, None] / 3 + 0.5
    image = Image.fromarray((first * blend + second * (1 - blend)).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = rng.uniform(-0.1, 0.8, 2) * size
        wide, high = rng.uniform(0.15, 0.5, 2) * size
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((left, top, left + wide, top + high), fill=tuple(int(level) for level in rng.integers(0, 256, 3)))
    return image


def _bytes(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def laid(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it under an EXIF orientation; written with array indices, not Pillow's names."""
    a = np.asarray(image)
    t = a.swapaxes(0, 1)
    stored = {
        1: a,
        2: a[:, ::-1],
        3: a[::-1, ::-1],
        4: a[::-1],
        5: t,
        6: t[::-1],  # shown after a clockwise quarter turn
        7: t[::-1, ::-1],
        8: t[:, ::-1],  # shown after a counterclockwise quarter turn
    }
    return Image.fromarray(np.ascontiguousarray(stored[orientation]))


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(header: tuple[int, int, int, int], rows: bytes, *chunks: bytes) -> bytes:
    """A PNG by hand: width, height, bit depth and colour type, then filtered rows, for what Pillow cannot write."""
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    return start + b"".join(chunks) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def png_16(levels: np.ndarray, *chunks: bytes) -> bytes:
    """A 16-bit PNG of `(H, W)` or `(H, W, 3)` levels in 0..65535."""
    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    return png((width, height, 16, 0 if levels.ndim == 2 else 2), rows, *chunks)


def ycck_jpeg(image: Image.Image) -> bytes:
    """A CMYK JPEG as Adobe writes it: C, M, Y stored inverted and as YCbCr.

    Pillow writes its four bands uncompressed in colour, inverted, and marks them as plain CMYK, so the bands are
    prepared to come out as Y, Cb, Cr and 255 - K, and the mark is then set to 2, meaning YCCK.
    """
    bands = np.asarray(image.convert("CMYK"))
    ycc = np.asarray(Image.fromarray(bands[:, :, :3]).convert("YCbCr"))
    prepared = Image.merge(
        "CMYK", [Image.fromarray(band) for band in (*(255 - ycc).transpose(2, 0, 1), bands[:, :, 3])]
    )
    data = bytearray(_bytes(prepared, "JPEG", quality=95))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _transparent(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """An RGBA picture, opaque within an ellipse and half so around it; and the same over white, by the formula."""
    alpha = Image.new("L", image.size, 128)
    ImageDraw.Draw(alpha).ellipse((20, 10, image.width - 20, image.height - 10), fill=255)
    ImageDraw.Draw(alpha).rectangle((0, 0, image.width, 9), fill=0)
    rgba = image.copy()
    rgba.putalpha(alpha)
    share = np.asarray(alpha)[:, :, None] / 255
    return rgba, Image.fromarray(np.round(np.asarray(image) * share + 255 * (1 - share)).astype(np.uint8))


def _two_frames(image: Image.Image, kind: str, **options) -> bytes:
    return _bytes(image, kind, save_all=True, append_images=[Image.new("RGB", image.size, "red")], **options)


_BAD_EXIF = b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x09\x09\xff\xff\xff\xff"


def _good() -> dict[str, tuple[str, Callable[[Image.Image], bytes], Callable[[Image.Image], Image.Image]]]:
    """Kind -> file name, how its bytes are made of a scene, and what of the scene the decoded picture shows."""

    def same(image: Image.Image) -> Image.Image:
        return image

    def grey(image: Image.Image) -> Image.Image:
        return image.convert("L").convert("RGB")

    def over_white(image: Image.Image) -> Image.Image:
        return _transparent(image)[1]

    def cmyk(image: Image.Image) -> Image.Image:
        return image.convert("CMYK")

    def wide_grey(image: Image.Image) -> np.ndarray:
        return np.asarray(image.convert("L")).astype(np.uint16) * 257

    table = {
        "jpeg": ("jpeg.jpg", lambda i: _bytes(i, "JPEG", quality=92), same),
        "jpeg progressive": ("progressive.jpeg", lambda i: _bytes(i, "JPEG", quality=92, progressive=True), same),
        "jpeg grey": ("grey.jpg", lambda i: _bytes(i.convert("L"), "JPEG", quality=92), grey),
        "jpeg cmyk": ("cmyk.jpg", lambda i: _bytes(cmyk(i), "JPEG", quality=95), same),
        "jpeg ycck": ("ycck.jpg", ycck_jpeg, same),
        "jpeg mpo": ("stereo.mpo", lambda i: _two_frames(i, "MPO", quality=92), same),
        "jpeg corrupt exif": ("bad-exif.jpg", lambda i: _bytes(i, "JPEG", quality=92, exif=_BAD_EXIF), same),
        "jpeg trailing bytes": ("trailing.jfif", lambda i: _bytes(i, "JPEG", quality=92) + b"appended" * 9, same),
        "png": ("png.png", lambda i: _bytes(i, "PNG"), same),
        "png palette": ("palette.png", lambda i: _bytes(i.quantize(200), "PNG"), same),
        "png alpha": ("alpha.png", lambda i: _bytes(_transparent(i)[0], "PNG"), over_white),
        "png palette alpha": (
            "palette-alpha.png",
            lambda i: _bytes(_transparent(i)[0].quantize(250), "PNG"),
            over_white,
        ),
        "png grey alpha": (
            "grey-alpha.png",
            lambda i: _bytes(_transparent(i)[0].convert("LA"), "PNG"),
            lambda i: grey(over_white(i)),
        ),
        "png 16-bit grey": ("grey16.png", lambda i: png_16(wide_grey(i)), grey),
        "png 16-bit rgb": ("rgb16.png", lambda i: png_16(np.asarray(i).astype(np.uint16) * 257), same),
        "png 1-bit": ("bits.png", lambda i: _bytes(i.convert("1"), "PNG"), lambda i: i.convert("1").convert("RGB")),
        "png orientation 8": ("turned.png", lambda i: _bytes(laid(i, 8), "PNG", exif=exif(8)), same),
        "png animated": ("animated.apng", lambda i: _two_frames(i, "PNG"), same),
        "gif": ("gif.gif", lambda i: _bytes(i.quantize(255), "GIF"), same),
        "gif animated": ("animated.gif", lambda i: _two_frames(i, "GIF"), same),
        "webp lossy": ("lossy.webp", lambda i: _bytes(i, "WEBP", quality=92), same),
        "webp lossless": ("lossless.webp", lambda i: _bytes(i, "WEBP", lossless=True), same),
        "webp alpha": (
            "alpha.webp",
            lambda i: _bytes(_transparent(i)[0], "WEBP", lossless=True, exact=True),
            over_white,
        ),
        "webp animated": ("animated.webp", lambda i: _two_frames(i, "WEBP", lossless=True), same),
        "webp orientation 6": ("turned.webp", lambda i: _bytes(laid(i, 6), "WEBP", quality=92, exif=exif(6)), same),
        "avif": ("avif.avif", lambda i: _bytes(i, "AVIF", quality=92), same),
        "avif orientation 6": ("turned.avif", lambda i: _bytes(laid(i, 6), "AVIF", quality=92, exif=exif(6)), same),
        "heic": ("heic.heic", _heic, same),
        "heic orientation 6": ("turned.heif", lambda i: _heic(laid(i, 6), exif=exif(6)), same),
        "tiff": ("tiff.tif", lambda i: _bytes(i, "TIFF"), same),
        "tiff lzw": ("lzw.tiff", lambda i: _bytes(i, "TIFF", compression="tiff_lzw"), same),
        "tiff 16-bit": ("grey16.tif", lambda i: _bytes(Image.fromarray(wide_grey(i)), "TIFF"), grey),
        "tiff float": (
            "float.tif",
            lambda i: _bytes(Image.fromarray(wide_grey(i).astype(np.float32) / 65535), "TIFF"),
            grey,
        ),
        "tiff cmyk": ("cmyk.tif", lambda i: _bytes(cmyk(i), "TIFF"), same),
        "tiff lab": ("lab.tif", lambda i: _bytes(i.convert("LAB"), "TIFF"), same),
        "tiff pages": ("pages.tif", lambda i: _two_frames(i, "TIFF"), same),
        "tiff orientation 5": ("turned.tif", lambda i: _bytes(laid(i, 5), "TIFF", exif=exif(5)), same),
        "bmp": ("bmp.bmp", lambda i: _bytes(i, "BMP"), same),
        "bmp palette": ("palette.bmp", lambda i: _bytes(i.quantize(250), "BMP"), same),
        "png named jpg": ("really-a-png.jpg", lambda i: _bytes(i, "PNG"), same),
        "jpeg named png": ("really-a-jpeg.png", lambda i: _bytes(i, "JPEG", quality=92), same),
        "unicode name": ("día 🌄 写真.jpg", lambda i: _bytes(i, "JPEG", quality=92), same),
        "spaces in name": (" a name  with spaces .png", lambda i: _bytes(i, "PNG"), same),
    }
    for orientation in range(1, 9):
        table[f"jpeg orientation {orientation}"] = (
            f"turned-{orientation}.jpg",
            lambda i, o=orientation: _bytes(laid(i, o), "JPEG", quality=92, exif=exif(o)),
            same,
        )
    return table


def good_files(folder: Path) -> dict[str, Path]:
    """Write one decodable file of each kind into `folder`; kind -> path."""
    return _write(folder, {kind: (name, make(_scene_of(kind))) for kind, (name, make, _) in _good().items()})


def expected_pictures() -> dict[str, Image.Image]:
    """Kind -> what the file of that kind shows: RGB, upright."""
    return {kind: shown(_scene_of(kind)) for kind, (_, _, shown) in _good().items()}


def broken_files(folder: Path) -> dict[str, Path]:
    """Write files that look like pictures by name, none of which can be decoded, in `folder`; what is wrong -> path."""
    return _write(folder, _broken())


def _scene_of(kind: str) -> Image.Image:
    return scene(zlib.crc32(kind.encode()))


def _write(folder: Path, files: dict[str, tuple[str, bytes]]) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / name for kind, (name, _) in files.items()}
    for kind, (_, data) in files.items():
        paths[kind].write_bytes(data)
    return paths


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _put(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def _broken() -> dict[str, tuple[str, bytes]]:
    image = scene(7)
    jpeg, plain_png, gif = (_bytes(image, kind) for kind in ("JPEG", "PNG", "GIF"))
    webp, avif, heic = _bytes(image, "WEBP"), _bytes(image, "AVIF"), _heic(image)
    tiff, lzw, bmp = _bytes(image, "TIFF"), _bytes(image, "TIFF", compression="tiff_lzw"), _bytes(image, "BMP")
    frame = jpeg.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    middle = len(plain_png) // 2
    noise = np.random.default_rng(3).integers(0, 256, 4000).astype(np.uint8).tobytes()
    return {
        "empty": ("empty.jpg", b""),
        "zero bytes": ("zeros.jpg", bytes(5000)),
        "one byte": ("one-byte.png", b"\x89"),
        "random": ("random.jpg", noise),
        "text": ("text.jpg", b"These are not the pixels you are looking for.\n" * 20),
        "html": ("html.png", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        "svg": ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        "zip": ("zip.jpg", b"PK\x03\x04\x14\0\0\0\x08\0" + noise),
        "pdf": ("pdf.tif", b"%PDF-1.7\n" + noise),
        "program": ("program.bmp", b"\x7fELF\x02\x01\x01" + noise),
        "postscript": ("postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
        "video": ("video.heic", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2" + noise),
        "jpeg truncated": ("truncated.jpg", _half(jpeg)),
        "jpeg header only": ("header.jpg", jpeg[:frame]),
        "jpeg bad marker": ("marker.jpg", b"\xff\xd8\x00\x10" + jpeg[4:]),
        "jpeg no scan": ("no-scan.jpg", jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9"),
        "jpeg bomb": ("bomb.jpg", _put(jpeg, frame + 5, struct.pack(">HH", 65000, 65000))),
        "png truncated": ("truncated.png", _half(plain_png)),
        "png header only": ("header.png", plain_png[:33]),
        "png signature only": ("signature.png", plain_png[:8]),
        "png bad checksum": ("checksum.png", _put(plain_png, 29, b"\0\0\0\0")),
        "png zeroed middle": ("zeroed.png", _put(plain_png, middle, bytes(200))),
        "png bomb": ("bomb.png", png((60000, 60000, 8, 2), b"\0" * 1000)),
        "png zero width": ("zero-width.png", png((0, 10, 8, 2), b"\0" * 10)),
        "gif truncated": ("truncated.gif", _half(gif)),
        "gif no frame": ("no-frame.gif", gif[:13] + b";"),
        "gif bomb": ("bomb.gif", _put(gif, 6, b"\xff\xff\xff\xff")),
        "webp truncated": ("truncated.webp", _half(webp)),
        "webp bomb": ("bomb.webp", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0"),
        "avif truncated": ("truncated.avif", _half(avif)),
        "heic truncated": ("truncated.heic", _half(heic)),
        "heic garbage": ("garbage.heic", heic[:24] + noise),
        "tiff truncated": ("truncated.tif", _half(tiff)),
        "tiff lzw truncated": ("truncated-lzw.tif", _half(lzw)),
        "tiff wild offset": ("wild.tif", _put(tiff, 4, struct.pack("<I", 0x7FFFFFF0))),
        "tiff offset to itself": ("cyclic.tif", b"II*\0" + struct.pack("<I", 4) + bytes(40)),
        "tiff no pages": ("no-pages.tif", b"II*\0\0\0\0\0" + bytes(40)),
        "bmp truncated": ("truncated.bmp", _half(bmp)),
        "bmp header only": ("header.bmp", bmp[:14]),
        "bmp negative width": ("negative.bmp", _put(bmp, 18, struct.pack("<i", -160))),
        "bmp bomb": ("bomb.bmp", _put(bmp, 18, struct.pack("<ii", 100_000, 100_000))),
    }
