"""The GPU, as FAISS uses it: one set of resources and one lock for the whole process."""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import Any

from search.errors import UnsupportedError

MAX_K = 2048
"""Most neighbours, and most clusters probed, that a FAISS GPU kernel selects (without cuVS)."""

_TEMPORARY_BYTES = 256 * 2**20
"""Scratch memory reserved on the GPU: FAISS would take 1.5 GB, which an index shares with the encoder."""

gpu_lock = threading.Lock()
"""Held around every call that works on the GPU: FAISS's resources are not thread-safe, and all indexes share them."""


@cache
def gpu_is_there() -> bool:
    """Whether FAISS can use a GPU; without an NVIDIA driver this answers at once, without importing FAISS.

    Torch and FAISS together take seconds to import, which a query to a small exact index has no other need for.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    from search.indexes.faiss_library import faiss

    return bool(faiss.get_num_gpus() > 0)


def move_to_gpu(index: Any, *, half_tables: bool = False) -> Any:
    """Copy a FAISS CPU index to the first GPU.

    Args:
        index: trained or not, empty or not.
        half_tables: keep the lookup tables of a product quantizer in float16 (the codes are the same).

    Raises:
        UnsupportedError: the GPU has no room, or no version of this index.
    """
    from search.indexes.faiss_library import faiss

    options = faiss.GpuClonerOptions()
    options.useFloat16 = half_tables
    with gpu_lock:
        try:
            return faiss.index_cpu_to_gpu(_resources(), 0, index, options)
        except RuntimeError as error:
            raise UnsupportedError(f"the GPU does not take this index ({error}): use --device cpu") from error


def add_on_gpu(index: Any, vectors: Any, rows: Any = None) -> None:
    """Add `(N, D) float32` to an index that lives on the GPU, as the rows `(N,) int64`; None: as those that follow.

    Raises:
        UnsupportedError: the GPU has no room.
    """
    with gpu_lock:
        try:
            index.add(vectors) if rows is None else index.add_with_ids(vectors, rows)
        except RuntimeError as error:
            raise UnsupportedError(f"the GPU has no room for {len(vectors)} vectors ({error}): use --device cpu") from (
                error
            )


def copy_to_cpu(index: Any) -> Any:
    """Copy a FAISS GPU index back, as an index that any machine opens."""
    from search.indexes.faiss_library import faiss

    with gpu_lock:
        return faiss.index_gpu_to_cpu(index)


@cache
def _resources() -> Any:
    from search.indexes.faiss_library import faiss

    resources = faiss.StandardGpuResources()
    resources.setTempMemory(_TEMPORARY_BYTES)
    return resources
