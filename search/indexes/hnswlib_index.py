"""A graph of near neighbours, by hnswlib."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ClassVar

import hnswlib
import numpy as np

from search.chunks import chunks
from search.indexes.base import ENTERED_AT_ONCE, VectorIndex, candidate_ladder, held_out_last
from search.indexes.hnswlib_layout import check_hnswlib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows


class HnswlibIndex(VectorIndex):
    """Walks from neighbour to neighbour towards the query, on the CPU; a filter is asked on the way.

    A filtered search goes on until it has `effort` allowed rows, so that it loses no recall; it asks a Python function
    for each row it meets, and is slow. The file holds the graph and the vectors.

    Parameters:
        M: links of a row, twice as many on the lowest level; at least 2.
        ef_construction: candidates weighed for the links of a row while building.
        seed: of the levels.
        threads: threads that build. One gives the same graph each time; more, or 0 for all, build it faster and
            give another one of the same quality each time.
        effort: ef, candidates kept while walking; a search uses at least k.

    Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
    Small World graphs, 2018.
    """

    kind: ClassVar[str] = "hnswlib"
    defaults: ClassVar[Mapping[str, int | None]] = {
        "M": 32,
        "ef_construction": 100,
        "seed": 100,
        "threads": 1,
        "effort": 64,
    }
    most: ClassVar[Mapping[str, int]] = {"M": 10_000}
    least: ClassVar[Mapping[str, int]] = {"M": 2, "seed": 0, "threads": 0}

    _held_out: tuple[Floats, Rows] | None = None

    @classmethod
    def effort_ladder(cls, rows: int) -> tuple[int, ...]:
        """Doubles ef from 16 to all rows, or to 4,096."""
        return candidate_ladder(rows)

    @property
    def effort(self) -> int | None:
        """Candidates kept while walking (ef). hnswlib keeps it on the index: set it while no search runs."""
        return super().effort

    @effort.setter
    def effort(self, value: int) -> None:
        self._check_parameter("effort", value)
        self.parameters["effort"] = value
        self._index.set_ef(value)

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
            self._index.add_items(vectors, rows, num_threads=self.parameters["threads"] or -1)

    def _search(self, queries: Floats, k: int, allowed: Mask | None) -> tuple[Floats, Rows]:
        if allowed is None:
            squares, rows = self._query(queries, k, None)
        else:
            answer = allowed.tobytes()
            squares, rows = self._query(queries, k, lambda row: answer[row] == 1)
        return np.minimum(np.sqrt(squares), np.float32(2.0)), rows

    def _query(self, queries: Floats, k: int, accept: Callable[[int], bool] | None) -> tuple[Floats, Rows]:
        """Ask for k; where hnswlib raises because it reached fewer, ask each query alone for less and less."""
        threads = 1 if accept else -1  # the function needs Python's lock, which other threads would wait for for ever
        try:
            rows, squares = self._index.knn_query(queries, k, num_threads=threads, filter=accept)
            return squares, rows.astype(np.int64)
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
        # As bytes: hnswlib opens names as UTF-8 only, and a name on disk need not be.
        self._index.save_index(os.fsencode(path))
        written = path.stat().st_size if path.exists() else 0
        if written != self._index.index_file_size():  # hnswlib does not look whether its stream failed
            raise OSError(errno.EIO, "only a part of it could be written: the disk is full, or failed", str(path))

    def _check_file(self, path: Path) -> None:
        check_hnswlib(path, self.size, self.dim, self.parameters["M"])

    def _load(self, path: Path, vectors: Floats) -> None:
        index = hnswlib.Index(space="l2", dim=self.dim)
        index.load_index(os.fsencode(path))
        index.set_ef(self.parameters["effort"])
        self._index = index
