"""What the first bytes of a file say: its format, its size in pixels, whether its end is missing.

Nothing here decodes, and nothing here imports Pillow: a file is only handed to the one plugin whose format it shows.
"""

from __future__ import annotations

import codecs
import struct
from typing import Literal, TypeAlias

from search.pictures.containers.jpeg_xl import header as jpeg_xl_header
from search.pictures.containers.jpeg_xl import is_jpeg_xl
from search.pictures.containers.photoshop import psd_size
from search.pictures.containers.raw_files import RAW_SUFFIXES, is_raw
from search.pictures.limits import jpeg_ends_early

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
"""Lower-case suffixes by which a folder scan picks files. What a file is, its content decides."""

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


def sniff(data: bytes) -> Format | None:
    """Tell the format by content; None where it is none that the decoder reads."""
    if is_raw(data):
        return "raw"
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        # A still AVIF may call itself mif1 first and avif second, so AVIF is asked for before HEIF.
        return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIF_BRANDS else None
    return "JPEG XL" if is_jpeg_xl(data) else None


def looks_like(data: bytes) -> str:
    """Say in a few words what a file is that `sniff` did not know, for the error message."""
    start = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, words in _IMPOSTORS:
        if data.startswith(signature) or start.lower().startswith(signature.lower()):
            return words
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    if data[4:8] == b"ftyp":
        return "a video, or another file in the MP4 family"
    return "text" if _is_text(start) else "in no format that is known"


def header_size(kind: Format, data: bytes) -> tuple[int, int] | None:
    """Width and height where they stand at a fixed place; None where only the plugin can tell, or the header is cut.

    Read before the plugin is called, as Pillow's WebP plugin allocates the canvas when it opens a file.
    """
    try:
        if kind == "PNG":
            return struct.unpack_from(">II", data, 16)
        if kind == "BMP":
            return _bmp_size(data)
        if kind == "WebP":
            return _webp_size(data)
        if kind == "PSD":
            return psd_size(data)
        if kind == "JPEG XL":
            found = jpeg_xl_header(data)
            return None if found is None else found[0]
    except (struct.error, IndexError):
        pass
    return None


def ends_early(kind: Format, data: bytes) -> bool:
    """Whether the end that the format prescribes is missing; asked only once decoding has failed.

    A False says little for TIFF, whose parts may stand in any order: only the directory's place is looked at.
    """
    if kind == "JPEG":
        return jpeg_ends_early(data)
    if kind == "PNG":
        return b"IEND" not in data
    if kind == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    if kind == "WebP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "BMP":
        return len(data) < int.from_bytes(data[2:6], "little")
    if kind in ("PSD", "JPEG XL"):
        return False  # only their decoders can tell
    if kind in ("TIFF", "raw"):
        return _tiff_directory(data) + 2 > len(data)
    return _boxes_end_early(data)


def _brands(data: bytes) -> frozenset[bytes]:
    """Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    length = min(int.from_bytes(data[:4], "big"), len(data), 1024)
    return frozenset(data[at : at + 4] for at in (8, *range(16, length, 4)))


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return width, abs(height)  # a negative height means that the top row comes first


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas of the three kinds of WebP, by the container specification and RFC 6386, section 9.1."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = struct.unpack_from("<II", data[24:27] + b"\0" + data[27:30] + b"\0")
        return width + 1, height + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_directory(data: bytes) -> int:
    """Offset of the first directory, which most writers put behind the pixels; BigTIFF gives it in 64 bits."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    place = data[8:16] if b"+" in data[2:4] else data[4:8]
    return int.from_bytes(place, order)


def _is_text(start: bytes) -> bool:
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # incremental: a letter cut in two at the end is fine
    except UnicodeDecodeError:
        return False
    return True


def _boxes_end_early(data: bytes) -> bool:
    """Whether a top-level box of an AVIF or HEIF file reaches beyond the end of the file."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:  # the true length follows in 64 bits
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:  # 0 is "to the end of the file", less is damage
            return False
        at += length
    return at > len(data)
