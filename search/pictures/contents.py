"""What a file holds besides the one picture that is indexed: frames, pages, video, raw data, greater bit depth.

Two files whose first pictures look alike are copies only if nothing else in them differs. `read_contents` reports
whether a file can be compared picture by picture, and if it cannot, why only identical bytes count.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.pictures.containers.raw_files import is_raw
from search.pictures.formats import Format, open_picture, sniff
from search.pictures.limits import structure_excess
from search.pictures.plugin_warnings import quiet_plugins

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_COMPARED = frozenset(("JPEG", "PNG", "GIF", "WebP", "AVIF", "HEIF", "TIFF", "BMP"))
"""Formats compared picture by picture; files of any other format are compared by their bytes."""
_MOST_TRAILING = 4096
"""Bytes after the end of a picture that count as padding or a camera's notes rather than as another picture."""
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""In entropy-coded data FF is followed by 00, a restart marker or fill; anything else ends the scan (T.81, B.1.1)."""
_MOST_BOXES = 1_000
_LAYERS = 37_724
"""TIFF tag of Photoshop's layers (ImageSourceData)."""
_BITS_PER_SAMPLE = 258


@dataclass(frozen=True, slots=True)
class Contents:
    """The format of a file, and whether it can be compared with others picture by picture."""

    kind: Format | None
    several: bool = False
    """Whether the file has more than one frame or page."""
    unlike: str | None = None
    """Why the file cannot be compared picture by picture, in words; None if it can."""
    colours: str = ""
    """Colour space of the pixels if it is not sRGB, else an empty string."""


def read_contents(data: bytes) -> Contents:
    """Read the contents of a file from its bytes, without decoding a picture; damaged files are not comparable."""
    kind = sniff(data)
    if is_raw(data):
        return Contents(kind, unlike="raw file")
    if kind not in _COMPARED:
        return Contents(kind, unlike="a format that is compared by its bytes only")
    if structure_excess(kind, data) is not None:
        return Contents(kind, unlike="unreadable")
    more = _more(kind, data)
    if more is not None:
        return Contents(kind, unlike=more)
    try:
        with quiet_plugins():
            return _of_image(kind, open_picture(kind, data))
    except Exception:  # plugins raise nearly any exception: see search.pictures.decode
        return Contents(kind, unlike="unreadable")


def _more(kind: Format, data: bytes) -> str | None:
    """Name what the file's structure holds besides the pictures that the plugin exposes; None if there is nothing."""
    if kind == "JPEG":
        trailing = data[_end_of_jpeg(data) :].rstrip(b"\0")
        if len(trailing) > _MOST_TRAILING or b"\xff\xd8\xff" in trailing or b"ftyp" in trailing:
            return "more data after the picture (a motion photo, a gain map, another view)"
    if kind == "PNG":
        if len(data) - _end_of_png(data) > _MOST_TRAILING:
            return "more data after the picture"
        if data[24:25] == b"\x10":
            return "more than 8 bits per channel"
    if kind == "WebP" and len(data) - 8 - int.from_bytes(data[4:8], "little") > _MOST_TRAILING:
        return "more data after the picture"
    if kind in ("HEIF", "AVIF"):
        boxes = _boxes(data)
        if b"mpvd" in boxes or (kind == "HEIF" and b"moov" in boxes):  # pillow-heif exposes no frames of a video
            return "a video"
        configuration = data.find(b"av1C")
        if configuration >= 0 and int.from_bytes(data[configuration + 6 : configuration + 7], "big") & 0x40:
            return "more than 8 bits per channel"  # high_bitdepth of the AV1 codec configuration
    return None


def _end_of_png(data: bytes) -> int:
    at = 8
    while at + 12 <= len(data):
        name = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        if name == b"IEND":
            return at
    return len(data)


def _boxes(data: bytes) -> set[bytes]:
    """Names of the top-level boxes of an ISO base media file (ISO/IEC 14496-12, section 4.2)."""
    at = 0
    names: set[bytes] = set()
    while at + 8 <= len(data) and len(names) < _MOST_BOXES:
        length = int.from_bytes(data[at : at + 4], "big")
        names.add(data[at + 4 : at + 8])
        if length == 1:  # the actual length follows in 64 bits
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:  # 0 means "to the end of the file"
            break
        at += length
    return names


def _end_of_jpeg(data: bytes) -> int:
    """Offset of the end of the first picture of a JPEG; the end of the file if it has no end marker."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
        elif (marker := data[at + 1]) == 0xD9:
            return at + 2
        elif marker in (0xFF, 0x01, 0x00) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xDA:
                scan_end = _END_OF_SCAN.search(data, at)
                at = len(data) if scan_end is None else scan_end.start()
    return at + 2 if data[at : at + 2] == b"\xff\xd9" else len(data)


def _of_image(kind: Format, image: ImageFile) -> Contents:
    info = image.info
    several = bool(getattr(image, "is_animated", False)) or getattr(image, "n_frames", 1) > 1
    unlike = None
    if image.mode.startswith(("I", "F")) or info.get("bit_depth", 8) > 8 or _deep_tiff(image):
        unlike = "more than 8 bits per channel"
    elif kind == "HEIF" and (info.get("depth_images") or info.get("aux")):
        unlike = "more data beside the picture (depth, a gain map)"
    elif kind == "TIFF" and _LAYERS in image.tag_v2:  # type: ignore[attr-defined]  # an attribute of the TIFF plugin
        unlike = "layers"
    colours = "CMYK" if image.mode == "CMYK" else _profile(info.get("icc_profile"))
    return Contents(kind, several, unlike, colours)


def _deep_tiff(image: ImageFile) -> bool:
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    return any(each > 8 for each in (bits if isinstance(bits, tuple) else (bits,)))


def _profile(profile: object) -> str:
    """The description in a colour profile; empty for sRGB and for no profile, which mean the same."""
    if not isinstance(profile, bytes) or not profile:
        return ""
    from PIL import ImageCms

    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "damaged"
    return "" if "sRGB" in name else name or "unnamed"
