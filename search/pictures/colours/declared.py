"""Determine the colour space that a picture declares, as an ICC profile: an embedded one, or one built from metadata.

The order of precedence: the code points of PNG (cICP), AVIF and HEIF (nclx) if there is no profile; the embedded
profile; the sRGB, gAMA and cHRM chunks of a PNG; the Adobe RGB mark in a camera's EXIF.

Sources: ITU-T H.273 (code points); PNG, third edition, section 4.3; DCF 2.0, section 3.5 (Adobe RGB); ICC.1:2001-04.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from search.pictures.containers.png_chunks import body_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.pictures.formats import Format

Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white."""

_D65 = (0.3127, 0.3290)
_PRIMARIES: dict[int, Chromaticities] = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
}
"""Code points of H.273, table 2."""
_VIDEO = frozenset((1, 6, 14, 15, 13))
"""Transfer functions of table 3 that are shown as sRGB; the two for high dynamic range (16, 18) are not converted."""
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_ADOBE_RGB: Chromaticities = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA = 0.45455

_EXIF, _INTEROPERABILITY, _INDEX = 0x8769, 0xA005, 1
_COLOUR_SPACE, _ADOBE_IN_EXIF = 0xA001, 2


def declared_profile(image: Image, kind: Format | None = None, data: bytes = b"") -> bytes | None:
    """Find the profile of an opened picture; None if it declares none, or declares sRGB by name.

    Args:
        image: the picture, whose `info` and EXIF are read.
        kind: its format if it comes from a file.
        data: the bytes of the file, for values that Pillow does not expose.
    """
    points = _code_points(image.info, kind, data)
    profile = image.info.get("icc_profile")
    if points is not None and (kind == "PNG" or not profile):
        return _of_points(*points)
    if isinstance(profile, bytes) and profile:
        return profile
    if "gamma" in image.info:
        return _of_chunks(image.info)
    has_exif = "exif" in image.info or kind == "TIFF"
    return _matrix_profile(_ADOBE_RGB, _ADOBE_GAMMA) if has_exif and _is_adobe_rgb(image) else None


def _code_points(info: dict[Any, Any], kind: Format | None, data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer function as H.273 code points."""
    if kind == "PNG":
        body = body_of(data, b"cICP")
        return (body[0], body[1]) if body is not None and len(body) == 4 else None
    if kind in ("AVIF", "HEIF"):
        at = data.find(b"colrnclx", 0, 1 << 20)
        return struct.unpack_from(">HH", data, at + 8) if 0 <= at <= len(data) - 12 else None
    nclx = info.get("nclx_profile")
    if isinstance(nclx, dict):
        return int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))
    return None


def _of_points(primaries: int, transfer: int) -> bytes | None:
    chromaticities = _PRIMARIES.get(primaries)
    if chromaticities is None or (transfer not in _VIDEO and transfer not in _GAMMAS):
        return None
    return _matrix_profile(chromaticities, _GAMMAS.get(transfer))


def _of_chunks(info: dict[Any, Any]) -> bytes | None:
    """Profile from the chunks sRGB, gAMA and cHRM; the last two count only if the first is missing."""
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not isinstance(gamma, float) or not 0.05 < gamma < 5:
        return None
    white_first = tuple(points) if isinstance(points, tuple | list) and len(points) == 8 else None
    chromaticities = _PRIMARIES[1] if white_first is None else (*white_first[2:], *white_first[:2])
    return _matrix_profile(chromaticities, None if abs(gamma - _SRGB_GAMMA) < 1e-3 else 1 / gamma)


def _is_adobe_rgb(image: Image) -> bool:
    """Whether a camera marks Adobe RGB: by the DCF interoperability index R03, or by the value 2 that some write."""
    try:
        details = image.getexif().get_ifd(_EXIF)
        if details.get(_COLOUR_SPACE) == _ADOBE_IN_EXIF:
            return True
        index = image.getexif().get_ifd(_INTEROPERABILITY).get(_INDEX)
    except Exception:  # damaged EXIF counts as none: see search.pictures.decode
        return False
    return str(index).strip("\0 ") == "R03"


@lru_cache(maxsize=64)
def _matrix_profile(chromaticities: Chromaticities, gamma: float | None) -> bytes | None:
    """Write a profile with three primaries and one curve (None: that of sRGB); None for degenerate primaries."""
    if min(chromaticities[1::2]) <= 0:
        return None
    try:
        columns = _colorants(chromaticities)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4:
        return None
    curve = b"curv" + bytes(4) + _curve(gamma)
    curve += bytes(-len(curve) % 4)
    tags = [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)]
    tags += [(b"wtpt", _xyz(_D50)), (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s12s4s", at + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"", b"acsp")
    return (head + bytes(28) + _fixed(_D50)).ljust(128, b"\0") + table + body


_D50 = np.array((0.9642, 1.0, 0.8249))
_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))


def _colorants(chromaticities: Chromaticities) -> NDArray[np.float64]:
    """Columns: XYZ of red, green and blue, adapted from their white point to D50 by Bradford's matrix."""
    points = np.array(chromaticities, float).reshape(4, 2)
    xyz = np.stack((points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]))
    primaries, white = xyz[:, :3], xyz[:, 3]
    columns = primaries * np.linalg.solve(primaries, white)
    adapted = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD @ columns)


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        levels = np.linspace(0, 1, 1024) ** gamma
    else:
        signal = np.linspace(0, 1, 1024)
        levels = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return struct.pack(">I", 1024) + np.round(levels * 65535).astype(">u2").tobytes()


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">3i", *(round(float(value) * 65536) for value in values))
