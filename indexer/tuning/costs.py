"""Measure what a structure costs: the time of a query, and memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.tuning.probes import K
from search.store.segments import Segment

if TYPE_CHECKING:
    from search.indexes.base import VectorIndex
    from search.types import Floats

_QUERIES = 100
_SECONDS = 2.0
"""Longest time over which queries are timed."""


def query_ms(structure: VectorIndex, vectors: Floats, queries: Floats) -> float | None:
    """Median milliseconds of a single query, with re-ranking; None without queries."""
    segment, times = Segment(0, vectors, structure), []
    begun = time.perf_counter()
    for place in range(min(_QUERIES, len(queries))):
        start = time.perf_counter()
        segment.search(queries[place : place + 1], K)
        times.append(time.perf_counter() - start)
        if start - begun > _SECONDS:
            break
    return round(1000 * float(np.median(times)), 4) if times else None


def memory_of(structure: VectorIndex, vectors: Floats, file_bytes: int) -> int:
    """Bytes that a structure needs in memory while an index is open.

    That is its file, and the vectors if its library reads all of them; for an exact kind the vectors, which every query
    reads. Vectors that only re-rank candidates stay in their file, mapped.
    """
    return file_bytes + (vectors.nbytes if structure.exact or structure.reads_vectors else 0)


def file_size(structure: VectorIndex) -> int:
    """Size of the file of a structure; 0 for a kind without one."""
    if not structure.stored:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "structure"
        structure.save(path)
        return path.stat().st_size
