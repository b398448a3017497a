"""Vectors from elsewhere are made float32 unit rows, or refused with the row that cannot be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats

TOLERANCE = 1e-3
"""How far from 1 a length may be that is meant to be 1: float16 rounds to within this."""
_ROUNDING = 2.0**-21
"""Rows nearer to unit length than this stay as they are, to the bit; exact search relies on it."""


def check_type(vectors: NDArray[Any], name: Path) -> None:
    """Raise DataError unless this is `(N, D)` of float16, float32 or float64, N and D at least 1."""
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize not in (2, 4, 8):
        raise DataError(f"{name}: holds {vectors.dtype}; vectors must be float32, float16 or float64")
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise DataError(f"{name}: has the shape {vectors.shape}; vectors must be (N, D), a row a picture")


def unit_rows(vectors: NDArray[Any], first: int, name: Path, *, normalize: bool) -> tuple[Floats, int]:
    """Convert one chunk.

    Args:
        vectors: `(N, D)` float16, float32 or float64.
        first: the number of its first row in the file, for messages.
        name: of the file.
        normalize: divide rows by their length, whatever it is.

    Returns:
        `(N, D) float32` rows of unit length, and how many were farther than `TOLERANCE` from it. A length that is off
        by rounding is corrected in any case.

    Raises:
        DataError: a row holds NaN or infinity, is all zeros, or is not of unit length.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    _refuse(~np.all(np.isfinite(wide), axis=1), first, name, "holds a value that is not finite (NaN or infinity)")
    largest = np.abs(wide).max(axis=1, keepdims=True)
    _refuse(largest[:, 0] == 0, first, name, "is all zeros, which has no direction")
    scaled = wide / largest  # squares of very large and very small numbers leave the range of float64
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
            " each row by its length; do that only if the encoder's distances are meant so",
        )
    inexact = off > _ROUNDING
    scaled[~inexact] = wide[~inexact]
    scaled[inexact] /= lengths[inexact]
    return scaled.astype(np.float32), int(np.count_nonzero(far))


def _refuse(wrong: NDArray[np.bool_], first: int, name: Path, what: str) -> None:
    if wrong.any():
        raise DataError(f"{name}: row {first + int(wrong.argmax())} (counted from 0) {what}")
