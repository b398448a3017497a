"""Convert imported vectors to float32 unit rows, with errors that name the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats

TOLERANCE = 1e-3
"""Tolerance for the length of a unit vector: the rounding error of float16 is smaller."""
_ROUNDING = 2.0**-21
"""Rows whose length differs less than this from 1 are not changed at all; exact search relies on it."""


def check_type(vectors: NDArray[Any], name: Path) -> None:
    """Raise DataError unless `vectors` is `(N, D)` of float16, float32 or float64, with N and D at least 1."""
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize not in (2, 4, 8):
        raise DataError(f"{name}: holds {vectors.dtype}; vectors must be float32, float16 or float64")
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise DataError(f"{name}: has the shape {vectors.shape}; vectors must be (N, D), one row per picture")


def unit_rows(vectors: NDArray[Any], first: int, name: Path, *, normalize: bool) -> tuple[Floats, int]:
    """Convert one chunk.

    Args:
        vectors: `(N, D)` float16, float32 or float64.
        first: number of its first row in the file, for messages.
        name: the file, for messages.
        normalize: accept rows of any length and divide them by it.

    Returns:
        `(N, D) float32` unit rows, and the number of rows whose length differed by more than `TOLERANCE` from 1.
        Smaller differences are always corrected.

    Raises:
        DataError: a row holds NaN or infinity, is all zeros, or is not of unit length.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    _refuse(~np.all(np.isfinite(wide), axis=1), first, name, "holds a value that is not finite (NaN or infinity)")
    largest = np.abs(wide).max(axis=1, keepdims=True)
    _refuse(largest[:, 0] == 0, first, name, "is all zeros, which has no direction")
    scaled = wide / largest  # squares of very large and very small numbers exceed the range of float64
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        off = np.abs((largest * lengths)[:, 0] - 1)
    far = off > TOLERANCE
    if not normalize and far.any():
        row = int(far.argmax())
        _refuse(
            far,
            first,
            name,
            f"has the length {(largest * lengths)[row, 0]:.6g} instead of 1: --normalize divides"
            " each row by its length. Use it only if the encoder's vectors are compared by direction",
        )
    inexact = off > _ROUNDING
    scaled[~inexact] = wide[~inexact]
    scaled[inexact] /= lengths[inexact]
    return scaled.astype(np.float32), int(np.count_nonzero(far))


def _refuse(wrong: NDArray[np.bool_], first: int, name: Path, what: str) -> None:
    if wrong.any():
        raise DataError(f"{name}: row {first + int(wrong.argmax())} (counted from 0) {what}")
