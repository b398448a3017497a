"""Efforts to try when a structure is tuned, and the size of a graph."""

from __future__ import annotations

MOST_CANDIDATES = 4096
"""Where the graph kinds stop: a graph that misses the recall with this many candidates has another fault."""


def doubling(first: int, last: int) -> tuple[int, ...]:
    """Efforts to try in turn: `first`, twice that, and so on below `last`; then `last` itself."""
    steps = []
    while first < last:
        steps.append(first)
        first *= 2
    return (*steps, last)


def candidate_ladder(rows: int) -> tuple[int, ...]:
    """Candidates that a graph search keeps: from 16 to all rows, or to 4,096."""
    return doubling(16, max(16, min(rows, MOST_CANDIDATES)))


def graph_bytes(links: int) -> int:
    """Bytes of the links of one row: `2 * links` on the lowest level, one row in `links` on each level above."""
    return 4 * (2 * links + 3) + 4 * links // max(1, links - 1)
