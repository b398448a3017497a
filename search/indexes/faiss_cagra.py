"""Kind `cagra`: a graph that a GPU builds and walks, by FAISS with cuVS."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.distance import nearest_pairs
from search.indexes.allowed import Allowed
from search.indexes.base import VectorIndex
from search.indexes.effort_ladders import doubling
from search.indexes.flat import FlatIndex
from search.indexes.gpu import build_cagra, cagra_available, walk_cagra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.types import Floats, Rows

_MOST = 512
"""Candidates of one walk at most: the limit of the kernel that answers a query with one block of threads."""
_STEP = 32
"""The kernels keep a multiple of so many candidates."""
_FEWEST = 1_000
"""Fewer rows get no graph: comparing all of them is as fast, and the graph needs more rows than links per row."""


class FaissCagraIndex(VectorIndex):
    """Walks a graph on the GPU; compares every vector where there is no GPU, or FAISS was built without cuVS.

    There is no file: the GPU builds the graph when an index is opened, in a few seconds for a million vectors, so that
    the same index opens on any machine. The vectors are copied to the GPU. Distances are measured again from them.

    Parameters:
        degree: links per row.
        effort: itopk_size, candidates kept during the walk; a search uses at least k and at most 512.

    Source: Ootomo et al., CAGRA: Highly parallel graph construction and approximate nearest neighbor search for GPUs,
    2024.
    """

    kind: ClassVar[str] = "cagra"
    stored: ClassVar[bool] = False
    reads_vectors: ClassVar[bool] = True
    devices: ClassVar[frozenset[str]] = frozenset({"cpu", "cuda"} if cagra_available() else {"cpu"})
    defaults: ClassVar[Mapping[str, int | None]] = {"degree": 64, "effort": 64}
    most: ClassVar[Mapping[str, int]] = {"degree": 512}

    def __init__(self, *, device: str = "cpu", **parameters: Any) -> None:
        super().__init__(device=device, **parameters)
        self._graph: Any = None
        self._rows: Rows | None = None
        """Rows of the graph, while others are held out."""
        if device == "cuda":
            self.max_k = _MOST

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """Double itopk_size from 32 to 512."""
        return doubling(_STEP, _MOST)

    def _structure_bytes(self) -> int:
        return 4 * self.size * int(self.parameters["degree"])

    def _build(self, vectors: Floats, held_out: Rows) -> None:
        self._vectors = vectors
        self._exact = FlatIndex().build(vectors)
        self._rows = np.setdiff1d(np.arange(self.size), held_out) if len(held_out) else None
        self._make_graph()

    def _complete(self) -> None:
        """Build the graph again, because rows cannot be added to it."""
        if self._rows is not None:
            self._rows = None
            self._make_graph()

    def _make_graph(self) -> None:
        self._graph = None
        vectors = self._vectors if self._rows is None else self._vectors[self._rows]
        if self.device == "cuda" and len(vectors) >= _FEWEST:
            self._graph = build_cagra(vectors, int(self.parameters["degree"]))

    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """Walk for more candidates the fewer rows pass the filter, which FAISS's GPU indexes would ignore."""
        if self.entered is not None:
            allowed = Allowed(self.entered if allowed is None else allowed.mask & self.entered)
        times = 1.0 if allowed is None else self.size / max(1, allowed.count)
        fetch = k if allowed is None else ceil((k + k // 2) * times)
        if self._graph is None or fetch > min(_MOST, self._graph.ntotal):
            return self._exact.search(queries, k, allowed)
        kept = min(_MOST, max(fetch, ceil(int(self.parameters["effort"]) * times)))
        candidates = self._candidates(queries, fetch, -(-kept // _STEP) * _STEP)
        if allowed is not None:
            candidates[(candidates < 0) | ~allowed.mask[candidates]] = -1
        which = np.repeat(np.arange(len(queries)), fetch)
        return nearest_pairs(self._vectors, queries, which, candidates.ravel(), k)

    def _candidates(self, queries: Floats, fetch: int, kept: int) -> Rows:
        """Rows `(Q, fetch)` of the nearest in the graph, -1 where the walk found fewer."""
        places = walk_cagra(self._graph, queries, fetch, kept)
        missing = (places < 0) | (places >= self._graph.ntotal)
        rows = np.where(missing, 0, places)
        candidates: Rows = np.where(missing, -1, rows if self._rows is None else self._rows[rows])
        return candidates
