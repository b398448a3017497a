"""Codes of 4 bits per part of a vector, which FAISS compares 32 at a time in the registers of the CPU.

Source: Andre, Kermarrec and Le Scouarnec, Cache locality is not enough: high-performance nearest neighbor search with
product quantization fast scan, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.chunks import chunks
from search.indexes.faiss_base import building_threads
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from search.types import Floats, Rows

BITS = 4
BLOCK = 32
"""Rows whose codes lie together."""
_PADDED_AT_ONCE = 16_384


def sampled(vectors: Floats, most: int, seed: int) -> Floats:
    """At most so many of the rows to train on, in their order."""
    if len(vectors) <= most:
        return vectors
    rows = np.random.default_rng(seed).choice(len(vectors), most, replace=False)
    return vectors[np.sort(rows)]


def padded(vectors: Floats, width: int) -> Floats:
    """`(N, width)` with zeros at the end of each row `(N, D)`."""
    missing = width - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


@dataclass(frozen=True, slots=True)
class Codes4:
    """How vectors of `dim` dimensions become codes of `parts` parts; zeros are added if these do not divide D."""

    dim: int
    parts: int

    @property
    def width(self) -> int:
        """Number of dimensions with the padding."""
        return self.parts * -(-self.dim // self.parts)

    def block_bytes(self, rows: int) -> int:
        """Bytes of the codes of so many rows that lie together."""
        return -(-rows // BLOCK) * BLOCK * ((self.parts + 1) // 2)

    @property
    def codebook_bytes(self) -> int:
        """Bytes of the codebooks."""
        return 4 * self.width << BITS

    def padded(self, vectors: Floats) -> Floats:
        """`(N, width)` with zeros at the end of each row."""
        return padded(vectors, self.width)

    def index(self, centroids: Any, clusters: int) -> Any:
        """The FAISS index without rows; it owns `centroids`, a flat index of the width."""
        index = faiss.IndexIVFPQFastScan(centroids, self.width, clusters, self.parts, BITS)
        index.by_residual = False  # one table of distances serves every cluster
        index.own_fields = True
        centroids.this.disown()
        return index

    def train(self, index: Any, vectors: Floats, seed: int) -> None:
        """Train the codebooks of an index whose centroids are known, on at least one vector."""
        index.pq.cp.seed = seed
        index.pq.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small blocks
        vectors = sampled(vectors, index.pq.cp.max_points_per_centroid << BITS, seed)
        missing = max(0, (1 << BITS) - len(vectors))  # zeros, not copies: FAISS divides by the range of the codebooks
        with building_threads(1):  # thousands of tiny steps, after each of which threads wait for each other
            index.train(self.padded(np.pad(vectors, ((0, missing), (0, 0)))))

    def add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        """Add vectors as the given rows; None: as rows from 0."""
        numbers = np.arange(len(vectors)) if rows is None else rows
        for part in chunks(np.arange(len(vectors)), _PADDED_AT_ONCE):
            block = slice(int(part[0]), int(part[-1]) + 1)
            index.add_with_ids(self.padded(vectors[block]), numbers[block])
