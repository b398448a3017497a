"""GPU access for FAISS: one set of resources and one lock per process."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from search.errors import UnsupportedError
from search.gpu_driver import gpu_driver_present

MAX_K = 2048
"""Maximum number of neighbours, and of clusters probed, of a FAISS GPU kernel (without cuVS)."""

_TEMPORARY_BYTES = 256 * 2**20
"""Scratch memory to reserve on the GPU: FAISS's default of 1.5 GB would compete with the encoder."""

gpu_lock = threading.Lock()
"""Held during every call that works on the GPU: FAISS's resources are not thread-safe and are shared by all indexes."""


@cache
def gpu_available() -> bool:
    """Whether FAISS can use a GPU; without a driver, FAISS is not even imported."""
    if not gpu_driver_present():
        return False
    from search.indexes.faiss_library import faiss

    return bool(faiss.get_num_gpus() > 0)


@cache
def cagra_available() -> bool:
    """Whether FAISS can use a GPU and was built with cuVS."""
    if not gpu_available():
        return False
    from search.indexes.faiss_library import faiss

    return hasattr(faiss, "GpuIndexCagra")


def build_cagra(vectors: Any, degree: int) -> Any:
    """Build a CAGRA graph over `(N, D) float32` on the first GPU, with `degree` links per row.

    Raises:
        UnsupportedError: the GPU has no memory for it.
    """
    from search.indexes.faiss_library import faiss

    settings = faiss.GpuIndexCagraConfig()
    settings.graph_degree = degree
    settings.intermediate_graph_degree = 2 * degree
    graph = faiss.GpuIndexCagra(_resources(), vectors.shape[1], faiss.METRIC_L2, settings)
    with gpu_lock:
        try:
            graph.train(vectors)
        except RuntimeError as error:
            raise UnsupportedError(
                f"the GPU cannot build a graph over {len(vectors)} vectors ({error}): use --device cpu"
            ) from error
    return graph


def walk_cagra(graph: Any, queries: Any, count: int, kept: int) -> Any:
    """Rows `(Q, count)` that a walk over a CAGRA graph finds while it keeps `kept` candidates."""
    from search.indexes.faiss_library import faiss

    parameters = faiss.SearchParametersCagra()
    parameters.itopk_size = kept
    with gpu_lock:
        return graph.search(queries, count, params=parameters)[1]


def move_to_gpu(index: Any, *, half_tables: bool = False) -> Any:
    """Copy a FAISS CPU index to the first GPU.

    Args:
        index: trained or not, empty or not.
        half_tables: store the lookup tables of a product quantizer in float16 (the codes are the same).

    Raises:
        UnsupportedError: the GPU has no memory for the index, or no version of it.
    """
    from search.indexes.faiss_library import faiss

    options = faiss.GpuClonerOptions()
    options.useFloat16 = half_tables
    with gpu_lock:
        try:
            return faiss.index_cpu_to_gpu(_resources(), 0, index, options)
        except RuntimeError as error:
            raise UnsupportedError(f"the GPU does not support this index ({error}): use --device cpu") from error


def add_on_gpu(index: Any, vectors: Any, rows: Any = None) -> None:
    """Add `(N, D) float32` to a GPU index as the rows `(N,) int64`; None: as the next rows.

    Raises:
        UnsupportedError: the GPU has no memory for them.
    """
    with gpu_lock:
        try:
            index.add(vectors) if rows is None else index.add_with_ids(vectors, rows)
        except RuntimeError as error:
            raise UnsupportedError(
                f"the GPU has no memory for {len(vectors)} vectors ({error}): use --device cpu"
            ) from (error)


def copy_to_cpu(index: Any) -> Any:
    """Copy a FAISS GPU index to an index that any machine can open."""
    from search.indexes.faiss_library import faiss

    with gpu_lock:
        return faiss.index_gpu_to_cpu(index)


@cache
def _resources() -> Any:
    from search.indexes.faiss_library import faiss

    resources = faiss.StandardGpuResources()
    resources.setTempMemory(_TEMPORARY_BYTES)
    return resources
