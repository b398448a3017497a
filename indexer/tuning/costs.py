"""What a structure costs: the time of a query, measured, and memory, from its size."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.tuning.probes import K
from search.indexes import index_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.store.segments import Segment
    from search.types import Floats

_QUERIES = 100
_SECONDS = 2.0
"""Longest time over which the queries of a segment are timed."""


def query_times(segments: Sequence[Segment], queries: Floats) -> list[float | None]:
    """Median milliseconds of a single query in each segment, with re-ranking; None without queries.

    They take turns, so that other work on the machine slows all down alike.
    """
    times: list[list[float]] = [[] for _ in segments]
    begun = time.perf_counter()
    for place in range(min(_QUERIES, len(queries))):
        for segment, own in zip(segments, times, strict=True):
            start = time.perf_counter()
            segment.search(queries[place : place + 1], K)
            own.append(time.perf_counter() - start)
        if time.perf_counter() - begun > _SECONDS * len(segments):
            break
    return [round(1000 * float(np.median(own)), 4) if own else None for own in times]


def memory_needed(kind: str, parameters: dict[str, Any], rows: int, dim: int) -> int:
    """Bytes that a structure needs in memory while an index is open, so that queries do not wait for the disk.

    That is the structure, and the vectors if each query reads them from all over: for an exact kind, and for a graph
    without vectors of its own. Vectors that only re-rank candidates stay in their file, mapped.
    """
    structure = index_class(kind)
    vectors = rows * dim * 4 if structure.exact or structure.reads_vectors else 0
    return structure.structure_bytes(rows, dim, **parameters) + vectors
