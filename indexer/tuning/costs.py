"""What a structure costs: the time of a query, measured, and memory, from its size."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.tuning.probes import K
from search.indexes import index_class
from search.store.segments import Segment

if TYPE_CHECKING:
    from search.indexes.base import VectorIndex
    from search.types import Floats

_QUERIES = 100
_FEW = 64
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


def fixed_ms(vectors: Floats, queries: Floats, device: str) -> float:
    """Median milliseconds of a query over hardly any rows: what every query takes, most of all on a GPU."""
    few = vectors[:_FEW]
    return query_ms(index_class("flat")(device=device).build(few), few, queries) or 0.0


def memory_needed(kind: str, parameters: dict[str, Any], rows: int, dim: int) -> int:
    """Bytes that a structure needs in memory while an index is open, so that queries do not wait for the disk.

    That is the structure, and the vectors if each query reads them from all over: for an exact kind, and for a graph
    without vectors of its own. Vectors that only re-rank candidates stay in their file, mapped.
    """
    structure = index_class(kind)
    vectors = rows * dim * 4 if structure.exact or structure.reads_vectors else 0
    return structure.structure_bytes(rows, dim, **parameters) + vectors
