"""Squared distances of candidate rows, by FAISS, which reads the rows where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from search.types import Floats, Rows


def squares_of(vectors: Floats, queries: Floats, rows: Rows) -> Floats:
    """Sums of squared differences of each query and its rows, added as float32 in any order.

    A single query is computed by this thread: starting others takes longer, and far longer on a busy machine.

    Args:
        vectors: `(N, D) float32`.
        queries: `(Q, D) float32`.
        rows: `(Q, C) int64`, in [-1, N).

    Returns:
        `(Q, C) float32`; any number where the row is -1.
    """
    vectors, queries, rows = map(np.ascontiguousarray, (vectors, queries, rows))
    squares = np.empty(rows.shape, dtype=np.float32)
    places = [faiss.swig_ptr(each) for each in (squares, queries, vectors, rows)]
    before = faiss.omp_get_max_threads()
    if len(queries) == 1:
        faiss.omp_set_num_threads(1)
    try:
        faiss.fvec_L2sqr_by_idx(*places, vectors.shape[1], *rows.shape)
    finally:
        if len(queries) == 1:
            faiss.omp_set_num_threads(before)
    return squares
