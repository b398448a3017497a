"""A descriptor of colours and their positions, without weights: the baseline that a network must beat."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.encoders.base import Encoder
from search.encoders.manifest import Manifest, read_manifest
from search.encoders.preprocessing import squash

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device
    from search.types import Floats

_SIZE = 64
_GRID = 8
_LAYOUT_ORDERS = (6, 4, 4)
"""DCT coefficients kept for L, a and b: those whose row and column orders sum to less than this."""
_LIGHTNESS_NODES = (0.0, 25.0, 50.0, 75.0, 100.0)
_COLOUR_NODES = (-60.0, -30.0, -12.0, 0.0, 12.0, 30.0, 60.0)
"""Bin centres of the histogram, denser near grey, where most pixels of photos lie."""
_LAYOUT_UNIT = 25.0
"""Number of L, a or b units that weigh as much as the full histogram."""
_AT_ONCE = 4
"""Pictures described at once: with more, the intermediate results leave the cache."""
_PARTS = 4
"""The histogram is a product of matrices in so many parts: OpenBLAS would compute all of it with several threads, which
then wait busily, and took more time than they saved (CPU time of a build without: 0.6)."""
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "size": _SIZE,
    "grid": _GRID,
    "orders": _LAYOUT_ORDERS,
    "lightness": _LIGHTNESS_NODES,
    "colour": _COLOUR_NODES,
    "unit": _LAYOUT_UNIT,
}


class ColorLayoutEncoder(Encoder):
    """Concatenation of a layout and a histogram of the CIELAB pixels of the picture, squashed to 64 by 64.

    Layout: the means over an 8 by 8 grid minus mid grey (50, 0, 0), of which the low orders of the orthonormal 2-D DCT
    are kept: 21 of L, 10 of a, 10 of b, scaled to weigh about as much as the histogram.
    Histogram: 5 by 7 by 7 bins of L, a, b; each pixel is divided among its 8 neighbouring bins by trilinear weights.
    The square root of every share is taken (Hellinger), minus that of a uniform histogram.
    Mid grey and the uniform histogram are constants. Subtracting them lets cosines be negative too. Nothing is learned
    from data.

    Source: ISO/IEC 15938-3 (MPEG-7) colour layout descriptor, with CIELAB for YCbCr; CIE 15 and IEC 61966-2-1 for
    the conversion (white D65); Arandjelovic and Zisserman 2012 (RootSIFT) for the square root.
    """

    family: ClassVar[str] = "color-layout"

    def __init__(self) -> None:
        self.name = self.family
        self.input_size = _SIZE
        self.dim = sum(order * (order + 1) // 2 for order in _LAYOUT_ORDERS) + _bins()
        settings = json.dumps({"family": self.family, **_SETTINGS}, sort_keys=True)
        self.fingerprint = hashlib.sha256(settings.encode()).hexdigest()[:32]

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """Squash one RGB picture to `(64, 64, 3) uint8`."""
        return squash(image, _SIZE)

    def forward(self, batch: NDArray[Any]) -> Floats:
        """Describe `(B, 64, 64, 3) uint8`, a few pictures at a time. Rows do not depend on the batch."""
        rows = np.empty((len(batch), self.dim), dtype=np.float32)
        for start in range(0, len(batch), _AT_ONCE):
            lab = _to_lab(batch[start : start + _AT_ONCE])
            rows[start : start + _AT_ONCE] = np.concatenate([_layout(lab), _histogram(lab)], axis=1)
        return rows

    def save(self, folder: Path) -> None:
        """Write `encoder.json`; there are no weights."""
        settings = json.loads(json.dumps(_SETTINGS))
        Manifest(self.family, self.name, self.dim, self.input_size, settings, self.fingerprint).write(folder)

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> ColorLayoutEncoder:
        """Create the encoder; it computes with NumPy, so the device is ignored."""
        return cls()

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> ColorLayoutEncoder:
        """Check that the folder describes the formula of this version.

        Raises:
            EncoderError: `encoder.json` is damaged, or belongs to another version of the formula.
        """
        encoder = cls()
        read_manifest(folder).verify(folder, encoder.fingerprint)
        return encoder


def _to_lab(pixels: NDArray[np.uint8]) -> Floats:
    """Convert sRGB `(..., 3) uint8` to CIELAB: L in [0, 100], a and b within about 128 of 0."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    relative = _linear_light()[pixels] @ (to_xyz / to_xyz.sum(axis=1, keepdims=True)).T
    delta = 6 / 29
    bent = np.where(relative > delta**3, np.cbrt(relative), relative / (3 * delta**2) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    lab: Floats = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
    return lab


@cache
def _linear_light() -> NDArray[np.float64]:
    """The inverse of the sRGB curve for each of the 256 values."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _layout(lab: Floats) -> Floats:
    """`(B, 64, 64, 3) -> (B, 41)`."""
    cell = _SIZE // _GRID
    rows = lab.reshape(len(lab), _GRID, cell, _SIZE * 3).sum(axis=2)  # along memory, which is faster than both axes
    means = rows.reshape(len(lab), _GRID, _GRID, cell, 3).sum(axis=3) / cell**2 - np.array([50, 0, 0], dtype=np.float32)
    cosines = _dct_basis()
    coefficients = cosines @ np.moveaxis(means, 3, 1) @ cosines.T / np.float32(_GRID * _LAYOUT_UNIT)
    orders = np.add.outer(np.arange(_GRID), np.arange(_GRID))
    kept = [coefficients[:, channel, orders < most] for channel, most in enumerate(_LAYOUT_ORDERS)]
    layout: Floats = np.concatenate(kept, axis=1)
    return layout


@cache
def _dct_basis() -> Floats:
    """Orthonormal DCT-II: row k is the cosine of order k."""
    position, order = np.arange(_GRID) + 0.5, np.arange(_GRID)[:, None]
    basis = np.sqrt(2 / _GRID) * np.cos(np.pi * order * position / _GRID)
    basis[0] /= np.sqrt(2)
    single: Floats = basis.astype(np.float32)
    return single


def _bins() -> int:
    return len(_LIGHTNESS_NODES) * len(_COLOUR_NODES) ** 2


def _histogram(lab: Floats) -> Floats:
    """`(B, 64, 64, 3) -> (B, 245)`: the shares of each pixel are products of those along the three axes."""
    lightness, first, second = np.moveaxis(lab.reshape(len(lab), -1, 3), 2, 0)
    both = _shares(lightness, _LIGHTNESS_NODES)[:, :, None] * _shares(first, _COLOUR_NODES)[:, None]
    rows = both.reshape(len(lab), -1, _PARTS, both.shape[-1] // _PARTS).swapaxes(1, 2)
    columns = _shares(second, _COLOUR_NODES).reshape(len(lab), len(_COLOUR_NODES), _PARTS, -1).transpose(0, 2, 3, 1)
    counts = (rows @ columns).sum(axis=1)
    hellinger: Floats = np.sqrt(counts.reshape(len(lab), -1) / both.shape[-1]) - np.float32(np.sqrt(1 / _bins()))
    return hellinger


def _shares(values: Floats, nodes: tuple[float, ...]) -> Floats:
    """Linear shares `(B, N, P)` of values `(B, P)` between N neighbouring nodes; outliers count at the ends.

    Both shares of a value come from its distance to the other node: `1 - share` would round a small one, which the
    square root of the histogram amplifies.
    """
    places = np.array(nodes, dtype=np.float32)[:, None]
    inside, widths = np.clip(values, nodes[0], nodes[-1])[:, None], np.diff(places, axis=0)
    rising, falling = (inside - places[:-1]) / widths, (places[1:] - inside) / widths
    shares = np.empty((len(values), len(nodes), values.shape[1]), dtype=np.float32)
    shares[:, 0], shares[:, -1] = falling[:, 0], rising[:, -1]
    np.minimum(rising[:, :-1], falling[:, 1:], out=shares[:, 1:-1])
    return np.maximum(shares, 0, out=shares)
