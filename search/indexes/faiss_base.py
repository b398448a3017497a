"""Base class of the FAISS kinds: units, filters, GPU, files."""

from __future__ import annotations

import threading
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from search.chunks import chunks
from search.files.writing import new_file
from search.indexes.base import ENTERED_AT_ONCE, VectorIndex, held_out_last
from search.indexes.faiss_library import faiss
from search.indexes.gpu import MAX_K, add_on_gpu, copy_to_cpu, gpu_lock, move_to_gpu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from search.types import Floats, Mask, Rows


class FaissIndex(VectorIndex):
    """A FAISS structure with METRIC_L2. This is the only place where its squared distances become distances.

    Subclasses create the empty FAISS index and the parameters of a search. These are passed with each search and never
    set on the index, so that threads with different filters do not interfere.
    """

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

    def _search(self, queries: Floats, k: int, allowed: Mask | None) -> tuple[Floats, Rows]:
        excluded = 0 if allowed is None else self.size - int(np.count_nonzero(allowed))
        if self._gpu is not None and k + excluded <= MAX_K:
            squares, rows = self._search_gpu(queries, k + excluded)
            if allowed is not None:
                squares, rows = only(allowed, squares, rows, k)
        else:
            squares, rows = self._search_cpu(queries, k, allowed)
        return np.minimum(np.sqrt(np.maximum(squares, 0)), np.float32(2.0)), rows

    def _search_cpu(self, queries: Floats, k: int, allowed: Mask | None) -> tuple[Floats, Rows]:
        """Search with a selector; a filter that passes one row in n gets n times the effort.

        The nearest allowed rows are n times as far down the list of all rows, and rows that the selector rejects cost
        little, so the work stays about the same.
        """
        effort, selector = int(self.parameters["effort"]), None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            effort = effort * self.size // int(np.count_nonzero(allowed))
        effort = max(1, min(effort, self._full_effort()))
        result: tuple[Floats, Rows] = self._on_cpu().search(
            queries, k, params=self._search_parameters(effort, selector)
        )
        return result

    def _search_gpu(self, queries: Floats, k: int) -> tuple[Floats, Rows]:
        """Search without a selector, which FAISS's GPU indexes would silently ignore."""
        effort = max(1, min(int(self.parameters["effort"]), self._full_effort(), MAX_K))
        with gpu_lock:
            result: tuple[Floats, Rows] = self._gpu.search(queries, k, params=self._search_parameters(effort, None))
        return result

    def _on_cpu(self) -> Any:
        """The CPU index; copied once from the GPU if a wide filter or `save` needs it."""
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
    """Let FAISS compute with `count` threads, 0 for as many as before, in this thread only."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def chosen(value: int | None, fallback: int, at_most: int) -> int:
    """A parameter as given, or the fallback; at most `at_most`, at least 1."""
    return max(1, min(fallback if value is None else value, at_most))


def only(allowed: Mask, squares: Floats, rows: Rows, k: int) -> tuple[Floats, Rows]:
    """Remove rows that are not allowed, keeping the order, and keep k."""
    fits = (rows >= 0) & allowed[np.maximum(rows, 0)]
    order = np.argsort(~fits, axis=1, kind="stable")[:, :k]
    kept = np.take_along_axis(np.where(fits, rows, -1), order, axis=1)
    return np.take_along_axis(squares, order, axis=1), kept
