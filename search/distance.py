"""Euclidean distance between unit vectors, in [0, 2].

Search, re-ranking, duplicates, calibration and verification all use these functions, so that a pair has the same
distance, bit for bit, and lies on the same side of a threshold everywhere. ||a - b|| is summed in float64 and rounded
once, to float32. Two cheaper methods were rejected: a float32 sum is off in the last digit and depends on the order of
its terms; sqrt(2 - 2 a.b) loses half of the digits of a small distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats, Mask, Rows

FARTHEST = 2.0
"""The greatest distance of unit vectors."""
OPPOSITE = -0.998
"""Cosine above which a distance is below `FARTHEST`, even if one of the vectors is longer than 1 by a thousandth. Rows
below it may be equally far although their cosines differ, because distances are cut."""
_BLOCK_BYTES = 2**20
"""Size of the float64 differences computed at once: they fit the processor's cache, which makes 100,000 pairs twice as
fast."""


def distances(rows: Floats, vector: Floats) -> Floats:
    """Distances `(N,) float32` of rows `(N, D)` from one vector `(D,)`, or from the rows of another `(N, D)`."""
    apart = rows.astype(np.float64, order="C")
    apart -= vector.astype(np.float64)  # NumPy would convert it in small pieces, which takes twice as long
    # np.add adds the terms of a contiguous row in an order that depends on D alone; that of np.einsum depends on N too.
    squares = np.add.reduce(np.square(apart, out=apart), axis=1)
    result: Floats = np.minimum(np.sqrt(squares), FARTHEST).astype(np.float32)
    return result


def pair_distances(a: Floats, b: Floats, of_a: Rows | NDArray[np.intp], of_b: Rows | NDArray[np.intp]) -> Floats:
    """Distances `(len(of_a),) float32` of the pairs (`a[of_a[i]]`, `b[of_b[i]]`) of rows `(N, D)` and `(M, D)`."""
    if len(a) == 1 and len(of_b) * a.shape[1] * 8 <= _BLOCK_BYTES:
        return distances(b[of_b], a[0])
    result = np.empty(len(of_a), dtype=np.float32)
    step = max(1, _BLOCK_BYTES // (8 * a.shape[1]))
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        result[part] = distances(b[of_b[part]], a[of_a[part]])
    return result


def nearest_pairs(
    vectors: Floats, queries: Floats, which: NDArray[np.intp], candidates: Rows, k: int
) -> tuple[Floats, Rows]:
    """Measure pairs of a query and a row, and keep the first k of each query, ties by row.

    Args:
        vectors: `(N, D) float32`.
        queries: `(Q, D) float32`.
        which: `(P,)` ascending, the query of each pair; each query has at least k.
        candidates: `(P,)`, the row of each pair; -1 is none, and comes last.
        k: pairs to keep.

    Returns:
        Distances and rows `(Q, k)`.
    """
    measured = pair_distances(queries, vectors, which, np.maximum(candidates, 0))
    measured[candidates < 0] = np.inf
    if len(queries) == 1:
        first = np.lexsort((candidates, measured))[None, :k]
    else:
        order = np.lexsort((candidates, measured, which))
        first = order[np.searchsorted(which, np.arange(len(queries)))[:, None] + np.arange(k)]
    return measured[first], candidates[first].astype(np.int64, copy=False)


def nearest_rows(vectors: Floats, query: Floats, candidates: Rows, k: int) -> tuple[Floats, Rows]:
    """As `nearest_pairs`, for one query `(D,)` and so few candidates `(C,)` that their differences fit in memory."""
    measured = distances(vectors[candidates], query)
    if candidates.min() < 0:
        measured[candidates < 0] = np.inf
    first = np.lexsort((candidates, measured))[None, :k]
    return measured[first], candidates[first]


def within(measured: Floats, threshold: float) -> Mask:
    """Which distances are at most a threshold, compared in float64: NumPy would round the threshold to float32."""
    accepted: Mask = measured.astype(np.float64) <= threshold
    return accepted


def cosine_error(dim: int) -> float:
    """Upper bound of the error of a cosine computed as a float32 matrix product of unit rows.

    A sum of D terms, in any order, is off by less than D * 2^-24; another 2^-20 allows for rows that are not exactly of
    unit length.
    """
    return dim * 2.0**-24 + 2.0**-20
