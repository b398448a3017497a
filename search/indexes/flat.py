"""Kind `flat`: exact search, the reference for every other kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.distance import OPPOSITE, cosine_error, nearest_pairs
from search.indexes.base import VectorIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows

_BLOCK_BYTES = 64 * 2**20
"""Memory for the scores of one block of queries."""
_BLAS_BYTES = 16 * 2**20
"""Bytes read (vectors times queries) above which a product uses the threads of BLAS. On a busy machine it waits for
them to be scheduled: 8 ms were measured for 1.6 ms of work."""
_GROUP = 64
"""Columns of a group whose largest score is compared first."""
_GROUPS_PER_HIT = 8
"""Groups for each hit from which most hits are in groups of their own."""
_GPU_SPARE = 64
"""Candidates fetched from the GPU in addition to k, so that rounding and ties rarely leave the answer undecided."""


class FlatIndex(VectorIndex):
    """Compares every vector; has no copy of them, no file, and no parameters.

    In two steps. Cosines of all rows come from one float32 matrix product, whose rounding error has a bound; every row
    that the bound does not exclude from the first k is measured again by `search.distance`.
    Answers are therefore those of a brute-force loop, near distance 0 too, where 2 - 2 cos keeps only half the digits.
    NumPy rather than FAISS: it searches the memory map where it lies, and took half the time.
    """

    kind: ClassVar[str] = "flat"
    exact: ClassVar[bool] = True
    stored: ClassVar[bool] = False
    devices: ClassVar[frozenset[str]] = frozenset({"cpu", "cuda"})

    def __init__(self, *, device: str = "cpu", **parameters: Any) -> None:
        super().__init__(device=device, **parameters)
        self._gpu: Any = None
        if device == "cuda":
            from search.indexes.gpu import MAX_K

            self.max_k = MAX_K

    def _build(self, vectors: Floats, held_out: Rows) -> None:
        self._vectors = vectors
        self._tolerance = np.float32(cosine_error(self.dim))
        if self.device == "cuda" and self.size:
            from search.indexes.faiss_library import faiss
            from search.indexes.gpu import add_on_gpu, move_to_gpu

            self._gpu = move_to_gpu(faiss.IndexFlatIP(self.dim))
            add_on_gpu(self._gpu, vectors)

    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        if self._gpu is not None:
            return self._search_gpu(queries, k, allowed)
        return self._search_cpu(queries, k, allowed)

    def _search_cpu(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        vectors, subset, penalty = self._vectors, None, None
        if allowed is not None:
            if allowed.count * 8 <= self.size and allowed.count * self.dim * 4 <= _BLOCK_BYTES:
                vectors, subset = vectors[allowed.rows], allowed.rows
            else:
                penalty = np.where(allowed.mask, np.float32(0), np.float32(-np.inf))
        distances = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        step = max(1, _BLOCK_BYTES // (4 * len(vectors)))
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            scores = _cosines(block, vectors)
            if penalty is not None:
                scores += penalty
            which, candidates = self._undecided(scores, k)
            part = slice(start, start + step)
            distances[part], rows[part] = nearest_pairs(vectors, block, which, candidates, k)
        return distances, rows if subset is None else subset[rows]

    def _undecided(self, scores: Floats, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Query and row of every score `(Q, N)` that may be among the first k of its query, by query.

        Columns are grouped, and the k-th largest of the groups' maxima is at most the k-th largest score: only the
        groups that reach it are looked at. One pass over the scores, where selecting the k-th of all takes several.
        """
        groups = scores.shape[1] // _GROUP
        if groups < _GROUPS_PER_HIT * k:
            which, rows = np.nonzero(scores >= self._floor(scores, k))
            return which, rows
        grouped = scores[:, : groups * _GROUP].reshape(len(scores), _GROUP, groups)  # a view; neighbours lie apart
        maxima = np.concatenate([grouped.max(axis=1), scores[:, groups * _GROUP :]], axis=1)
        floor = self._floor(maxima, k)
        which, place = np.nonzero(maxima >= floor)
        inside = place < groups
        rows = np.where(inside, place, place + groups * (_GROUP - 1))[:, None] + groups * np.arange(_GROUP)
        rows[~inside, 1:] = rows[~inside, :1]  # a column of the rest is a group of its own
        reached = scores[which[:, None], rows] >= floor[which]
        reached[~inside, 1:] = False
        return np.repeat(which, np.count_nonzero(reached, axis=1)), rows[reached]

    def _floor(self, scores: Floats, k: int) -> NDArray[np.float32]:
        """The score `(Q, 1)` below which a row cannot be among the first k, whatever the rounding."""
        last = scores.shape[1] - k
        kth: NDArray[np.float32] = np.partition(scores, last, axis=1)[:, last : last + 1]
        return np.where(kth > OPPOSITE, kth - 2 * self._tolerance, np.float32(-2))

    def _search_gpu(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """Search on the GPU, and on the CPU if the GPU may not have fetched every row within the error bound.

        FAISS's GPU indexes ignore selectors, so rows that are not allowed are fetched and removed.
        """
        from search.indexes.gpu import MAX_K, gpu_lock

        excluded = 0 if allowed is None else self.size - allowed.count
        fetch = min(self.size, MAX_K, k + excluded + _GPU_SPARE)
        if k + excluded > fetch:
            return self._search_cpu(queries, k, allowed)
        with gpu_lock:
            scores, rows = self._gpu.search(queries, fetch)
        return self._settle(queries, k, allowed, scores, rows)

    def _settle(
        self, queries: Floats, k: int, allowed: Allowed | None, scores: Floats, fetched: Rows
    ) -> tuple[Floats, Rows]:
        """Answer from the rows `(Q, F)` with the F best scores, descending; from all rows if those do not suffice."""
        weakest = scores[:, -1].copy()
        if allowed is not None:
            scores = np.where(allowed.mask[fetched], scores, np.float32(-np.inf))
        floor = self._floor(scores, k)
        which, place = np.nonzero(scores >= floor)
        distances, rows = nearest_pairs(self._vectors, queries, which, fetched[which, place], k)
        unsettled = weakest >= floor[:, 0] if fetched.shape[1] < self.size else np.zeros(len(queries), dtype=np.bool_)
        if unsettled.any():
            distances[unsettled], rows[unsettled] = self._search_cpu(queries[unsettled], k, allowed)
        return distances, rows


def _cosines(queries: Floats, vectors: Floats) -> Floats:
    """Cosines of every query with every row, `(Q, N) float32`."""
    if len(queries) * vectors.nbytes > _BLAS_BYTES:
        return queries @ vectors.T
    return np.stack([np.einsum("nd,d->n", vectors, query) for query in queries])
