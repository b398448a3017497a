"""Build the neighbour graph that UMAP lays out.

The same as `umap.umap_.fuzzy_simplicial_set` over exact neighbours, but in NumPy: umap-learn compiles its version in
every process, which takes about ten seconds, most of the time for the map of an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats

_BLOCK_BYTES = 64 * 2**20
"""Memory for the distances of one block of vectors to all."""
_STEPS = 64
_TOLERANCE = 1e-5
_LEAST_SCALE = 1e-3
"""Share of the mean distance. These three values are UMAP's own."""


def fuzzy_graph(vectors: Floats, count: int) -> Any:
    """Symmetric `(N, N)` matrix of memberships in [0, 1] over `count` neighbours, including the vector itself.

    The nearest neighbour has membership 1. Membership decreases with distance, at a rate chosen so that the memberships
    of each vector add up to log2(count).
    Source: McInnes, Healy, Melville, "UMAP", arXiv 1802.03426, algorithms 2 and 3.

    Returns:
        A sparse matrix of scipy in coordinate format.
    """
    return graph_of(*_nearest(vectors.astype(np.float64), count))


def graph_of(rows: NDArray[np.int64], distances: NDArray[np.float64]) -> Any:
    """As `fuzzy_graph`, from the neighbours `(N, count)` of each vector, nearest first, including the vector itself."""
    from scipy.sparse import coo_matrix

    count = rows.shape[1]
    positive = distances > 0
    nearest = np.where(positive.any(axis=1), np.where(positive, distances, np.inf).min(axis=1), 0.0)
    beyond = np.maximum(distances - nearest[:, None], 0.0)
    memberships = np.exp(-beyond / _scales(beyond, distances)[:, None])
    memberships[rows == np.arange(len(rows))[:, None]] = 0.0
    of = np.repeat(np.arange(len(rows)), count)
    directed = coo_matrix((memberships.ravel(), (of, rows.ravel())), shape=(len(rows), len(rows))).tocsr()
    back = directed.T.tocsr()
    graph = (directed + back - directed.multiply(back)).tocoo()
    graph.eliminate_zeros()
    return graph


def _nearest(vectors: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and distances `(N, count)` of the nearest neighbours of each vector, ties by row."""
    squares = (vectors**2).sum(axis=1)
    rows = np.empty((len(vectors), count), dtype=np.int64)
    distances = np.empty((len(vectors), count))
    step = max(1, _BLOCK_BYTES // (8 * len(vectors)))
    for start in range(0, len(vectors), step):
        part = slice(start, start + step)
        apart = squares[part, None] + squares - 2.0 * vectors[part] @ vectors.T
        rows[part] = np.argsort(apart, axis=1, kind="stable")[:, :count]
        distances[part] = np.linalg.norm(vectors[rows[part]] - vectors[part][:, None], axis=2)
    return rows, distances


def _scales(beyond: NDArray[np.float64], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale `(N,)` at which the memberships of each vector's neighbours, except the first, add up to log2(count)."""
    target = np.log2(beyond.shape[1])
    low, high, scale = np.zeros(len(beyond)), np.full(len(beyond), np.inf), np.ones(len(beyond))
    for _ in range(_STEPS):
        total = np.exp(-beyond[:, 1:] / scale[:, None]).sum(axis=1)
        more, less = total > target + _TOLERANCE, total < target - _TOLERANCE
        high, low = np.where(more, scale, high), np.where(less, scale, low)
        middle = np.where(np.isinf(high), scale * 2, (low + high) / 2)
        scale = np.where(more | less, middle, scale)
    own = np.where(distances.any(axis=1), distances.mean(axis=1), distances.mean())
    floored: NDArray[np.float64] = np.maximum(np.maximum(scale, _LEAST_SCALE * own), np.finfo(np.float64).tiny)
    return floored
