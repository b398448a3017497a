"""ICC profiles of version 2 written by hand, and pictures converted to their colour spaces by the formulas alone.

An independent reference for `search.pictures.colours.profiles`: nothing here uses Little CMS.
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

D50 = np.array((0.9642, 1.0, 0.8249))
_D65, _D50_XY = (0.3127, 0.3290), (0.3457, 0.3585)
_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
SPACES = {
    "Adobe RGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65), 2.19921875),
    "ProPhoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), _D50_XY), 1.80078125),
    "Display P3": (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65), None),
    "Rec. 2020": (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65), 2.19921875),
    "linear": (SRGB, 1.0),
}
"""Name -> x and y of red, green, blue and white, and gamma (None for the sRGB curve)."""


def _xyz(point: tuple[float, float]) -> np.ndarray:
    x, y = point
    return np.array((x / y, 1, (1 - x - y) / y))


def colorants(points: tuple) -> np.ndarray:
    """Columns: red, green and blue in XYZ, adapted to D50."""
    primaries = np.stack([_xyz(point) for point in points[:3]], axis=1)
    white = _xyz(points[3])
    scaled = primaries * np.linalg.solve(primaries, white)
    cone = _BRADFORD @ D50 / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(cone) @ _BRADFORD @ scaled


def to_linear(levels: np.ndarray) -> np.ndarray:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def from_linear(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def converted(image: Image.Image, name: str, depth: int = 8) -> np.ndarray:
    """The same colours in another space, `(H, W, 3)` levels of so many bits."""
    points, gamma = SPACES[name]
    light = to_linear(np.asarray(image).astype(float) / 255)
    moved = np.clip(light @ colorants(SRGB).T @ np.linalg.inv(colorants(points)).T, 0, 1)
    signal = from_linear(moved) if gamma is None else moved ** (1 / gamma)
    return np.round(signal * ((1 << depth) - 1)).astype(np.uint8 if depth == 8 else np.uint16)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    table = np.round(to_linear(np.linspace(0, 1, 1024)) * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + table


def icc(tags: dict[bytes, bytes], space: bytes, kind: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"test", 0x02200000, kind, space, connection)
    head += struct.pack(">6H4s", 2026, 1, 2, 3, 4, 5, b"acsp") + bytes(28) + _fixed(*D50)
    return head.ljust(128, b"\0") + table + body


def rgb_profile(name: str) -> bytes:
    points, gamma = SPACES[name] if name != "sRGB" else (SRGB, None)
    columns = colorants(points).T
    tags = {b"desc": _description(name), b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50)}
    tags |= {
        key: b"XYZ \0\0\0\0" + _fixed(*column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    return icc(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)), b"RGB ")


def grey_profile(gamma: float) -> bytes:
    tags = {b"desc": _description("grey"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50), b"kTRC": _curve(gamma)}
    return icc(tags, b"GRAY")


def ink_profile() -> bytes:
    """CMYK by a table of 2 points per axis in Lab: the paper is white, and each ink absorbs its complement."""
    steps = []
    for c in (0, 1):
        for m in (0, 1):
            for y in (0, 1):
                for k in (0, 1):
                    light = np.array(((1 - c) * (1 - k), (1 - m) * (1 - k), (1 - y) * (1 - k)), float)
                    steps.append(_lab(colorants(SRGB) @ light))
    table = b"".join(struct.pack(">BBB", *step) for step in steps)
    straight = bytes(range(256))
    body = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    tags = {b"desc": _description("ink"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50)}
    body += straight * 4 + table + straight * 3
    return icc(tags | {b"A2B0": body, b"A2B1": body}, b"CMYK", b"prtr", b"Lab ")


def _lab(xyz: np.ndarray) -> tuple[int, int, int]:
    ratio = xyz / D50
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(np.maximum(ratio, 0)), (24389 / 27 * ratio + 16) / 116)
    return round((116 * y - 16) * 2.55), round(500 * (x - y)) + 128, round(200 * (y - z)) + 128


def _description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
