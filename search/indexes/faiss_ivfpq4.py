"""Kind `ivfpq4`: clusters of codes of 4 bits per two dimensions, of which the nearest few are scanned, by FAISS."""

from __future__ import annotations

from math import isqrt, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from search.indexes.effort_ladders import doubling
from search.indexes.faiss_base import chosen
from search.indexes.faiss_codes4 import BLOCK, Codes4, padded, sampled
from search.indexes.faiss_ivf import FaissIvfIndex
from search.indexes.faiss_layout import check_codes4
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.types import Floats, Rows

_ROWS_PER_CLUSTER = 100
"""Rows to train a centroid on, and the least that a cluster has on average."""
_MOST_PER_CLUSTER = 700
"""Rows that a cluster has on average at most: a larger one is mostly codes that no query needs."""
_TRAINING_ROUNDS = 10
_CANDIDATES = 12
_CANDIDATES_FOR = 65_536
"""Number of rows for which `_CANDIDATES` are enough; the square root of more rows takes more.

These and the number of clusters were chosen on the 62,000 and the million embeddings of Tiny ImageNet, and with the
queries, that docs/results/search.md and search_million.md measure. Other collections are in
docs/results/stated_recall.md.
"""


def clusters_for(rows: int) -> int:
    """Number of clusters: the square root of half the rows, more if each would have over 700, fewer if under 100.

    At most four times the square root of the rows, all of whose centroids a query is compared with; at least 1.
    """
    wanted = max(isqrt(rows // 2), rows // _MOST_PER_CLUSTER)
    return max(1, min(wanted, 4 * isqrt(rows), rows // _ROWS_PER_CLUSTER))


class FaissIvfPq4Index(FaissIvfIndex):
    """Scans the codes of `pq4`, but only in the clusters nearest to the query, and fetches candidates to re-rank.

    It is built in a small part of the time of a graph, because rows are only assigned to clusters. Of a million
    rows, it was also searched faster. There are fewer clusters than in `ivf`: codes are scanned so fast that a
    visit to a cluster costs more than its rows. Distances are those to the codes: they only rank, and must be measured
    again before they are shown.

    Parameters:
        nlist: number of clusters, at most that of the rows; None for as many as `clusters_for`.
        m: parts per code, at most D; None for one per two dimensions.
        candidates: candidates per neighbour, which are re-ranked by the exact vectors; None for 12, or more for more
            than 65,536 rows, by the square root.
        seed: seed of the clustering and the codebooks.
        effort: nprobe, clusters searched; at most nlist.

    Sources: as for `ivfpq` and `search.indexes.faiss_codes4`.
    """

    kind: ClassVar[str] = "ivfpq4"
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})
    defaults: ClassVar[Mapping[str, int | None]] = {
        "nlist": None,
        "m": None,
        "candidates": None,
        "seed": 1234,
        "effort": 16,
    }

    @property
    def overfetch(self) -> int:
        """The parameter `candidates`."""
        if self.parameters["candidates"] is None:
            self._choose()
        return int(self.parameters["candidates"])

    def _efforts(self, rows: int) -> tuple[int, ...]:
        return doubling(1, chosen(self.parameters["nlist"], clusters_for(rows), rows))

    def _choose(self) -> None:
        self.parameters["nlist"] = chosen(self.parameters["nlist"], clusters_for(self.size), self.size)
        self.parameters["m"] = chosen(self.parameters["m"], (self.dim + 1) // 2, self.dim)
        if self.parameters["candidates"] is None:
            self.parameters["candidates"] = round(_CANDIDATES * sqrt(max(1.0, self.size / _CANDIDATES_FOR)))

    def _codes(self) -> Codes4:
        self._choose()
        return Codes4(self.dim, int(self.parameters["m"]))

    def _structure_bytes(self) -> int:
        codes, clusters = self._codes(), int(self.parameters["nlist"])
        rows = self.size + clusters * (BLOCK // 2)  # a cluster ends within a block
        return codes.block_bytes(rows) + 8 * self.size + codes.codebook_bytes + 4 * clusters * codes.width

    def _empty(self) -> Any:
        codes = self._codes()
        return codes.index(faiss.IndexFlatL2(codes.width), self.parameters["nlist"])

    def _train(self, index: Any, vectors: Floats) -> None:
        codes, clusters, seed = self._codes(), int(self.parameters["nlist"]), int(self.parameters["seed"])
        settings = faiss.ClusteringParameters()
        settings.seed, settings.niter = seed, _TRAINING_ROUNDS
        settings.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small blocks
        settings.max_points_per_centroid = _ROWS_PER_CLUSTER
        sample = codes.padded(sampled(vectors, clusters * _ROWS_PER_CLUSTER, seed))
        faiss.Clustering(codes.width, clusters, settings).train(sample, index.quantizer)
        codes.train(index, vectors, seed)

    def _add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        self._codes().add(index, vectors, rows)

    def _asked(self, queries: Floats) -> Floats:
        return padded(queries, self._on_cpu().d)

    def _measures_vectors(self) -> bool:
        return False

    def _check_file(self, path: Path) -> None:
        codes = self._codes()
        clusters = int(self.parameters["nlist"])
        check_codes4(path, self.size, codes.width, clusters, clusters if self.size else 0, codes.parts)
