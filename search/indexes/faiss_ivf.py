"""Kind `ivf`: clusters, of which the nearest few are searched, by FAISS."""

from __future__ import annotations

from math import ceil, expm1, isqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.indexes.effort_ladders import doubling
from search.indexes.faiss_base import FaissIndex, chosen
from search.indexes.faiss_layout import check_ivf
from search.indexes.faiss_library import faiss
from search.indexes.gpu import gpu_lock, move_to_gpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows

_ROWS_PER_CLUSTER = 39
"""Minimum number of rows to train a centroid on, as FAISS recommends."""
_WIDE = 8
"""A filter is wide if it passes at least one row in so many."""
_POWER = 0.4
"""A filter that passes one row in n gets the effort times this power of n."""
_SPREAD = 0.8
"""At less, the allowed rows are in few of the clusters, and perhaps in none that is near a query."""


def clusters_for(rows: int) -> int:
    """Number of clusters: 4 sqrt(N), fewer if each would have less than 39 rows to train on; at least 1."""
    return max(1, min(4 * isqrt(rows), rows // _ROWS_PER_CLUSTER))


class FaissIvfIndex(FaissIndex):
    """Compares the rows of the clusters nearest to the query; exact if it probes all of them.

    Parameters:
        nlist: number of clusters, at most that of the rows; None for `clusters_for` the rows.
        seed: seed of the clustering.
        effort: nprobe, clusters searched; at most nlist, and on the GPU at most 2048.
    """

    kind: ClassVar[str] = "ivf"
    trained: ClassVar[bool] = True
    devices: ClassVar[frozenset[str]] = frozenset({"cpu", "cuda"})
    defaults: ClassVar[Mapping[str, int | None]] = {"nlist": None, "seed": 1234, "effort": 16}

    _cluster_of: Rows | None = None

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """Double nprobe from 1 to the number of clusters."""
        return doubling(1, chosen(self.parameters["nlist"], clusters_for(rows), rows))

    def _empty(self) -> Any:
        self._choose()
        return faiss.IndexIVFFlat(faiss.IndexFlatL2(self.dim), self.dim, self.parameters["nlist"], faiss.METRIC_L2)

    def _choose(self) -> None:
        self.parameters["nlist"] = chosen(self.parameters["nlist"], clusters_for(self.size), self.size)

    def _structure_bytes(self) -> int:
        self._choose()
        return self.size * (self._code_bytes() + 8) + int(self.parameters["nlist"]) * 4 * self.dim

    def _code_bytes(self) -> int:
        """Bytes of one row in its cluster."""
        return 4 * self.dim

    def _train(self, index: Any, vectors: Floats) -> None:
        index.cp.seed = self.parameters["seed"]
        index.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small blocks
        if self.device == "cuda":
            nearest_centroid = move_to_gpu(faiss.IndexFlatL2(self.dim))
            index.clustering_index = nearest_centroid
            with gpu_lock:
                index.train(vectors)
            index.clustering_index = None
        else:
            index.train(vectors)

    def _add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        index.add(vectors) if rows is None else index.add_with_ids(vectors, rows)

    def _measures_vectors(self) -> bool:
        return self._gpu is None

    def _lists(self, allowed: Allowed) -> bool:
        """With wide filters only: a selector is slower while half of the rows pass it, and faster when few do."""
        return allowed.count * _WIDE >= self.size

    def _filtered_effort(self, allowed: Allowed) -> int:
        """The nearest allowed rows lie in more clusters; in far more if the filter depends on the position.

        Measured on 62,000 pictures, the recall of random filters was then about that without a filter, or more.
        """
        power = _POWER if self._spread(allowed) > _SPREAD else 1.0
        effort = ceil(int(self.parameters["effort"]) * float((self.size / allowed.count) ** power))
        return max(1, min(effort, self._full_effort()))

    def _spread(self, allowed: Allowed) -> float:
        """Share of the clusters that hold allowed rows, to that expected of a filter independent of the position."""
        known = allowed.spread
        if known is None:
            clusters = int(self.parameters["nlist"])
            occupied = np.count_nonzero(np.bincount(self._clusters()[allowed.rows], minlength=clusters))
            known = allowed.spread = float(occupied / (clusters * -expm1(-allowed.count / clusters)))
        return known

    def _clusters(self) -> Rows:
        """The cluster of each row; rows that are held out count as in the first."""
        if self._cluster_of is None or self.entered is not None:
            lists = self._on_cpu().invlists
            of = np.zeros(self.size, dtype=np.int64)
            for cluster in range(lists.nlist):
                if count := lists.list_size(cluster):
                    of[faiss.rev_swig_ptr(lists.get_ids(cluster), count)] = cluster
            self._cluster_of = of
        return self._cluster_of

    def _search_parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParametersIVF(nprobe=effort, sel=selector)

    def _full_effort(self) -> int:
        return int(self.parameters["nlist"])

    def _check_file(self, path: Path) -> None:
        self._choose()
        check_ivf(path, self.size, self.dim, self.parameters["nlist"])
