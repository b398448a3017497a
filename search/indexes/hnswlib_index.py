"""Kind `hnswlib`: a graph of neighbours, by hnswlib."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ClassVar

import hnswlib
import numpy as np

from search.chunks import chunks
from search.indexes.base import ENTERED_AT_ONCE, VectorIndex, held_out_last
from search.indexes.effort_ladders import candidate_ladder, graph_bytes
from search.indexes.hnswlib_layout import check_hnswlib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows


class HnswlibIndex(VectorIndex):
    """Walks from neighbour to neighbour towards the query, on the CPU, and applies filters during the walk.

    A filtered search continues until it has `effort` allowed rows, so it loses no recall. It is slow, because it calls
    a Python function for each row it visits. The file holds the graph and the vectors.

    Parameters:
        M: links per row, twice as many on the lowest level; at least 2.
        ef_construction: candidates considered for the links of a row while building.
        seed: seed of the levels.
        threads: threads for building; 0, or more than there are cores, for all cores. One gives a reproducible graph;
            more are faster and give a different graph of the same quality each time.
        effort: ef, candidates kept during the walk; a search uses at least k.

    Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
    Small World graphs, 2018.
    """

    kind: ClassVar[str] = "hnswlib"
    defaults: ClassVar[Mapping[str, int | None]] = {
        "M": 32,
        "ef_construction": 100,
        "seed": 100,
        "threads": 0,
        "effort": 64,
    }
    most: ClassVar[Mapping[str, int]] = {"M": 10_000}
    least: ClassVar[Mapping[str, int]] = {"M": 2, "seed": 0, "threads": 0}

    squared: ClassVar[bool] = True

    _held_out: tuple[Floats, Rows] | None = None

    def _measures_vectors(self) -> bool:
        return True

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """Double ef from 16 to the number of rows, or to 4,096."""
        return candidate_ladder(rows)

    @property
    def effort(self) -> int | None:
        """Candidates kept during the walk (ef). hnswlib stores it on the index: set it while no search is running."""
        return super().effort

    @effort.setter
    def effort(self, value: int) -> None:
        self._check_parameter("effort", value)
        self.parameters["effort"] = value
        self._index.set_ef(value)

    def _structure_bytes(self) -> int:
        return self.size * (graph_bytes(self.parameters["M"]) + 4 * self.dim + 8)

    def _build(self, vectors: Floats, held_out: Rows) -> None:
        index = hnswlib.Index(space="l2", dim=self.dim)
        index.init_index(
            max_elements=max(1, self.size),
            M=self.parameters["M"],
            ef_construction=self.parameters["ef_construction"],
            random_seed=self.parameters["seed"],
        )
        index.set_ef(self.parameters["effort"])
        self._index = index
        if len(held_out) == 0:
            self._enter(vectors, np.arange(self.size))
            return
        order = held_out_last(held_out, self.size)
        for rows in chunks(order[: self.size - len(held_out)], ENTERED_AT_ONCE):
            self._enter(vectors[rows], rows)
        self._held_out = (vectors[held_out], held_out)

    def _complete(self) -> None:
        if self._held_out is not None:
            self._enter(*self._held_out)
            self._held_out = None

    def _enter(self, vectors: Floats, rows: Rows) -> None:
        if len(rows):
            threads = min(self.parameters["threads"], os.cpu_count() or 1) or -1
            self._index.add_items(vectors, rows, num_threads=threads)

    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        if allowed is None:
            return self._query(queries, k, None)
        return self._query(queries, k, allowed.bytes.__getitem__)

    def _query(self, queries: Floats, k: int, accept: Callable[[int], int] | None) -> tuple[Floats, Rows]:
        """Query k neighbours; if hnswlib raises because it reached fewer, query one by one with k halved repeatedly."""
        threads = 1 if accept else -1  # `accept` needs the GIL, for which other threads would wait forever
        try:
            rows, squares = self._index.knn_query(queries, k, num_threads=threads, filter=accept)
            return squares, rows.view(np.int64)
        except RuntimeError:
            if len(queries) > 1:
                alone = [self._query(query[None], k, accept) for query in queries]
                return np.concatenate([part[0] for part in alone]), np.concatenate([part[1] for part in alone])
        squares, rows = np.full((1, k), np.inf, dtype=np.float32), np.full((1, k), -1, dtype=np.int64)
        if k > 1:
            half = k // 2
            squares[:, :half], rows[:, :half] = self._query(queries, half, accept)
        return squares, rows

    def _save(self, path: Path) -> None:
        # As bytes: hnswlib opens only UTF-8 names, and a name on disk need not be.
        self._index.save_index(os.fsencode(path))
        written = path.stat().st_size if path.exists() else 0
        if written != self._index.index_file_size():  # hnswlib does not check its stream for errors
            raise OSError(errno.EIO, "only part of it could be written: the disk is full, or failed", str(path))

    def _check_file(self, path: Path) -> None:
        check_hnswlib(path, self.size, self.dim, self.parameters["M"])

    def _load(self, path: Path, vectors: Floats) -> None:
        index = hnswlib.Index(space="l2", dim=self.dim)
        index.load_index(os.fsencode(path))
        index.set_ef(self.parameters["effort"])
        self._index = index
