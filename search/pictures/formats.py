"""Which format a file has, by its first bytes, and the plugin that reads each format.

Nothing here decodes, and only `open_picture` imports Pillow: it hands a file to the one plugin whose format it has.
"""

from __future__ import annotations

import codecs
import io
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

from search.pictures.containers.jpeg_xl import is_jpeg_xl
from search.pictures.containers.raw_files import RAW_SUFFIXES, is_raw

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Format: TypeAlias = Literal["JPEG", "PNG", "GIF", "WebP", "AVIF", "HEIF", "TIFF", "BMP", "PSD", "JPEG XL", "raw"]

PICTURE_SUFFIXES: frozenset[str] = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),
        *(".png", ".apng"),
        *(".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *(".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"),
        *(".psd", ".jxl"),
        *RAW_SUFFIXES,
    )
)
"""Lower-case suffixes that a folder scan selects; the format itself is recognised by content."""

_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"8BPS", "PSD"),
)

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))

_IMPOSTORS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\0\0\x01\0", "an icon"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which is not supported"),
    (b"<svg", "an SVG drawing, which is not supported"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself"),
)

PLUGINS: dict[Format, tuple[str, str]] = {
    # JpegImageFile, not Pillow's factory: an MPO is a JPEG with more pictures behind it, and the first is wanted.
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "PSD": ("PIL.PsdImagePlugin", "PsdImageFile"),
}


def sniff(data: bytes) -> Format | None:
    """The format by content; None if the decoder does not read it."""
    if is_raw(data):
        return "raw"
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        # A still AVIF may list mif1 before avif, so AVIF is tested before HEIF.
        return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIF_BRANDS else None
    return "JPEG XL" if is_jpeg_xl(data) else None


def looks_like(data: bytes) -> str:
    """Describe in a few words a file that `sniff` does not recognise, for the error message."""
    start = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, words in _IMPOSTORS:
        if data.startswith(signature) or start.lower().startswith(signature.lower()):
            return words
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    if data[4:8] == b"ftyp":
        return "a video, or another file in the MP4 family"
    return "text" if _is_text(start) else "in an unknown format"


def open_picture(kind: Format, data: bytes) -> ImageFile:
    """Open a file with the plugin of its format; nothing is decoded yet.

    By the plugin's class itself: Image.open would first compare the size with Pillow's own global limit, and warn.
    """
    module, plugin = PLUGINS[kind]
    image: ImageFile = getattr(import_module(module), plugin)(io.BytesIO(data))
    return image


def _brands(data: bytes) -> frozenset[bytes]:
    """Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    length = min(int.from_bytes(data[:4], "big"), len(data), 1024)
    return frozenset(data[at : at + 4] for at in (8, *range(16, length, 4)))


def _is_text(start: bytes) -> bool:
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # incremental: accepts a character cut off at the end
    except UnicodeDecodeError:
        return False
    return True
