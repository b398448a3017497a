"""Base class of the FAISS kinds: units, filters, GPU, files."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from contextlib import contextmanager
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.chunks import chunks
from search.files.writing import new_file
from search.indexes.base import ENTERED_AT_ONCE, VectorIndex, held_out_last
from search.indexes.faiss_library import faiss
from search.indexes.gpu import MAX_K, add_on_gpu, copy_to_cpu, gpu_lock, move_to_gpu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Mask, Rows


_SPARE = 16
"""Candidates beyond those that are needed, which a filtered search may do without."""
_KEPT = 64
"""Efforts whose FAISS parameters are kept."""


class FaissIndex(VectorIndex):
    """A FAISS structure with METRIC_L2, whose distances are squared.

    Subclasses create the empty FAISS index and the parameters of a search. These are passed with each search and never
    set on the index, so that threads with different filters do not interfere.
    """

    squared: ClassVar[bool] = True

    def __init__(self, *, device: str = "cpu", **parameters: Any) -> None:
        super().__init__(device=device, **parameters)
        self._cpu: Any = None
        self._gpu: Any = None
        self._copying = threading.Lock()
        self._order: Rows | None = None
        """While rows are held out: all rows in the order in which they are added, those held out last."""
        self._held_out: tuple[Floats, Rows] | None = None
        self._file_map: Any = None
        """The mapped file that a loaded structure refers to."""
        self._parameters: dict[int, Any] = {}
        """Effort to the FAISS parameters of searches without a selector: making them takes 5 us."""
        if device == "cuda":
            self.max_k = MAX_K

    @abstractmethod
    def _empty(self) -> Any:
        """Choose the missing parameters and create the untrained CPU index."""

    @abstractmethod
    def _search_parameters(self, effort: int, selector: Any) -> Any:
        """The FAISS parameters of a search; `selector` is an IDSelector, or None for all rows."""

    @abstractmethod
    def _full_effort(self) -> int:
        """The effort above which more has no effect."""

    def _half_tables(self) -> bool:
        return False

    def _check_gpu(self) -> None:
        """Raise UnsupportedError for parameters that the GPU version does not support."""

    def _train(self, index: Any, vectors: Floats) -> None:
        """Train the structure, if it needs training, on at least one vector."""

    def _build(self, vectors: Floats, held_out: Rows) -> None:
        index = self._empty()
        if self.device == "cuda":
            self._check_gpu()
        if self.size == 0:
            self._cpu = index
            return
        self._train(index, vectors)
        if self.device == "cuda":
            self._gpu = move_to_gpu(index, half_tables=self._half_tables())
        else:
            self._cpu = index
        if len(held_out) == 0:
            self._enter(vectors, None)
            return
        self._order = held_out_last(held_out, self.size)
        others, held_out = np.split(self._order, [self.size - len(held_out)])
        for rows in chunks(others, ENTERED_AT_ONCE):
            self._enter(vectors[rows], rows)
        self._held_out = (vectors[held_out], held_out)

    def _complete(self) -> None:
        if self._held_out is not None:
            if self._gpu is not None:
                self._cpu = None  # a copy of the GPU index before the rows are added
            self._enter(*self._held_out)
            self._order = self._held_out = None

    def _enter(self, vectors: Floats, rows: Rows | None) -> None:
        """Add vectors as the given rows; None: as the next rows."""
        if self.device == "cuda":
            add_on_gpu(self._gpu, vectors, rows)
        else:
            self._add(self._cpu, vectors, rows)

    @abstractmethod
    def _add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        """As `_enter`, for the CPU index."""

    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        excluded = 0 if allowed is None else self.size - allowed.count
        if self._gpu is None or k + excluded > MAX_K:
            return self._search_cpu(queries, k, allowed)
        squares, rows = self._search_gpu(queries, k + excluded)
        return (squares, rows) if allowed is None else only(allowed.mask, squares, rows, k)

    def _search_cpu(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """Search with a selector, and more effort for a narrower filter: see `_filtered_effort`."""
        if allowed is None:
            parameters = self._parameters_of(max(1, min(int(self.parameters["effort"]), self._full_effort())))
        else:
            parameters = self._search_parameters(self._filtered_effort(allowed), faiss.IDSelectorBitmap(allowed.bits))
        result: tuple[Floats, Rows] = self._on_cpu().search(self._asked(queries), k, params=parameters)
        return result

    def _asked(self, queries: Floats) -> Floats:
        """The queries as FAISS is asked."""
        return queries

    def _lists(self, allowed: Allowed) -> bool:
        """Whether `candidates` lists rows without the filter and keeps those allowed, rather than use a selector."""
        return False

    def _search_candidates(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """As `_search`, but nothing for a query whose neighbourhood the filter leaves out.

        Rows that are far from a query are about equally far. Codes do not tell them apart, and they lie in clusters
        that no search visits: recalls of 0.03 were measured. The list of a query shows whether that is so.
        """
        if allowed is None or self._gpu is not None or not self._lists(allowed):
            return self._search(queries, k, allowed)
        length, enough = listed(k, self.size, allowed)
        parameters = self._parameters_of(self._filtered_effort(allowed))
        squares, rows = self._on_cpu().search(self._asked(queries), max(k, length), params=parameters)
        squares, rows = only(allowed.mask, squares, rows, k)
        if rows[:, enough - 1].min() < 0:
            rows[rows[:, enough - 1] < 0] = -1
        return squares, rows

    def _filtered_effort(self, allowed: Allowed) -> int:
        """The effort at which a search with a filter finds as large a share as one without."""
        return max(1, min(int(self.parameters["effort"]), self._full_effort()))

    def _parameters_of(self, effort: int) -> Any:
        """The FAISS parameters of a search without a selector; threads can share them, because they only read."""
        known = self._parameters.get(effort)
        if known is None:
            if len(self._parameters) >= _KEPT:
                self._parameters = {}
            known = self._parameters[effort] = self._search_parameters(effort, None)
        return known

    def _search_gpu(self, queries: Floats, k: int) -> tuple[Floats, Rows]:
        """Search without a selector, which FAISS's GPU indexes would silently ignore."""
        effort = max(1, min(int(self.parameters["effort"]), self._full_effort(), MAX_K))
        with gpu_lock:
            result: tuple[Floats, Rows] = self._gpu.search(queries, k, params=self._search_parameters(effort, None))
        return result

    def _on_cpu(self) -> Any:
        """The CPU index; copied once from the GPU if a wide filter or `save` needs it."""
        index = self._cpu
        if index is not None:
            return index
        with self._copying:
            if self._cpu is None:
                self._cpu = copy_to_cpu(self._gpu)
            return self._cpu

    def _save(self, path: Path) -> None:
        # Through Python's file rather than by name: FAISS opens only UTF-8 names, and here a full disk raises OSError.
        with new_file(path) as file:
            faiss.write_index(self._on_cpu(), faiss.PyCallbackIOWriter(file.write), self._write_flags())

    def _write_flags(self) -> int:
        return 0

    def _load(self, path: Path, vectors: Floats) -> None:
        empty = self._empty()
        index = self._mapped(path)
        if type(index) is not type(empty):
            raise ValueError(f"it holds a {type(index).__name__}, not a {type(empty).__name__}")
        if (index.ntotal, index.d) != (self.size, empty.d):
            raise ValueError(f"it holds {index.ntotal} vectors of {index.d}")
        self._attach(index, vectors)
        self._cpu = index
        if self.device == "cuda" and self.size:
            self._check_gpu()
            self._gpu = move_to_gpu(index, half_tables=self._half_tables())
            self._cpu = None  # copied back if it is needed

    def _mapped(self, path: Path) -> Any:
        """Read a file of `_save`: links, row numbers and most codes stay in the mapped file and are not copied.

        Mapped here rather than by FAISS, which opens only UTF-8 names.
        """
        self._file_map = np.memmap(path, np.uint8, "r")
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(self._file_map), self._file_map.size)
        return faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC)

    def _attach(self, index: Any, vectors: Floats) -> None:
        """Restore what the file of a structure omits, and check the rest against the parameters."""


@contextmanager
def building_threads(count: int) -> Iterator[None]:
    """Let FAISS compute with `count` threads, 0 for as many as before, in this thread only; never more than cores."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(count or before, os.cpu_count() or 1))  # too many would end the process
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def chosen(value: int | None, fallback: int, at_most: int) -> int:
    """A parameter as given, or the fallback; at most `at_most`, at least 1."""
    return max(1, min(fallback if value is None else value, at_most))


def listed(k: int, size: int, allowed: Allowed) -> tuple[int, int]:
    """How many rows to list without a filter, and how many allowed ones among them are enough for k.

    The rows of a filter that is independent of the positions are enough in nearly every such list: it is longer than
    on average by three standard deviations.
    """
    enough = k - min(_SPARE, k // 2)
    return min(size, ceil((enough + 3 * sqrt(enough)) * size / allowed.count)), enough


def only(allowed: Mask, squares: Floats, rows: Rows, k: int) -> tuple[Floats, Rows]:
    """Remove rows that are not allowed, keeping the order, and keep k."""
    fits = allowed[rows]
    fits &= rows >= 0
    if len(rows) == 1 and (places := np.flatnonzero(fits[0])[:k]).size == k:
        return squares[:, places], rows[:, places]
    order = np.argsort(~fits, axis=1, kind="stable")[:, :k]
    kept = np.take_along_axis(np.where(fits, rows, -1), order, axis=1)
    return np.take_along_axis(squares, order, axis=1), kept
