"""The one measure of distance: Euclidean between unit vectors, in [0, 2].

Search, re-ranking, duplicates, calibration and verification all measure here, so that a pair has one distance, bit for
bit, and lies on the same side of a threshold everywhere. ||a - b|| is summed in float64 and rounded once, to float32.
Two cheaper ways were rejected: a float32 sum is off in the last digit, and differs with the order of its terms;
sqrt(2 - 2 a.b) keeps half of the digits of a small distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats, Mask, Rows

_BLOCK_BYTES = 2**20
"""float64 differences held at once: they stay in the processor's cache, which made 100,000 pairs twice as fast."""


def distances(rows: Floats, vector: Floats) -> Floats:
    """Measure rows `(N, D)` from one vector `(D,)`, or each from its own of `(N, D)`: `(N,) float32`."""
    apart = rows.astype(np.float64, order="C")
    apart -= vector
    # np.sum adds the terms of a contiguous row in an order that depends on D alone; np.einsum's depends on N too.
    squares = np.sum(np.square(apart, out=apart), axis=1)
    found: Floats = np.minimum(np.sqrt(squares), 2.0).astype(np.float32)
    return found


def pair_distances(a: Floats, b: Floats, of_a: Rows | NDArray[np.intp], of_b: Rows | NDArray[np.intp]) -> Floats:
    """Measure the pairs (`a[of_a[i]]`, `b[of_b[i]]`) of rows `(N, D)` and `(M, D)`: `(len(of_a),) float32`."""
    found = np.empty(len(of_a), dtype=np.float32)
    step = max(1, _BLOCK_BYTES // (8 * a.shape[1]))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        found[part] = distances(b[of_b[part]], a[of_a[part]])
    return found


def within(found: Floats, threshold: float) -> Mask:
    """Say which distances are at most a threshold. NumPy would round the threshold itself to float32 to compare."""
    near: Mask = found.astype(np.float64) <= threshold
    return near


def cosine_error(dim: int) -> float:
    """Bound of how far a float32 matrix product of unit rows is from their cosine.

    D terms in whatever order are off by less than D * 2^-24; 2^-20 more for rows of unit length but for rounding.
    """
    return dim * 2.0**-24 + 2.0**-20
