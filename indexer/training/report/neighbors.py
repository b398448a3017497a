"""Choose the pictures of a gallery: queries drawn evenly over the classes, the worst mistakes, and their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.types import Floats

_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The k nearest others of every picture, nearest first."""

    rows: NDArray[np.int64]
    """`(N, k)`."""
    distances: Floats
    """`(N, k)`, Euclidean between unit vectors."""


def nearest_others(vectors: Floats, k: int) -> Neighbors:
    """The `k` nearest others of each unit row `(N, D)`, N > 1, by exact search; at most N - 1 neighbours."""
    k = min(k, len(vectors) - 1)
    rows = np.empty((len(vectors), k), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        similarity = vectors[start : start + _BLOCK] @ vectors.T
        similarity[np.arange(len(similarity)), np.arange(start, start + len(similarity))] = -np.inf
        rows[start : start + _BLOCK] = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    differences = vectors[rows] - vectors[:, None, :]
    return Neighbors(rows, np.sqrt((differences**2).sum(axis=2)))


def even_queries(labels: Sequence[str], count: int, seed: int = 0) -> list[int]:
    """At most `count` random pictures, one per class.

    With more classes than `count`, the classes are evenly spaced in order of name. Classes with a single picture are
    used only if there are no others.
    """
    generator = np.random.default_rng(seed)
    classes: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        classes.setdefault(label, []).append(row)
    groups = [classes[label] for label in sorted(classes) if len(classes[label]) > 1]
    groups = groups or [classes[label] for label in sorted(classes)]
    chosen = np.unique(np.linspace(0, len(groups) - 1, min(count, len(groups))).astype(np.int64))
    return [int(generator.choice(groups[number])) for number in chosen]


def worst_mistakes(neighbors: Neighbors, labels: Sequence[str], count: int) -> list[int]:
    """At most `count` queries whose nearest neighbour is of another class, ordered by that neighbour's distance.

    Only queries with another picture of their class count. Of two pictures that are each other's mistake, one is
    taken.
    """
    of = np.array(labels)
    companions = {label: number > 1 for label, number in zip(*np.unique(of, return_counts=True), strict=True)}
    wrong = np.flatnonzero((of[neighbors.rows[:, 0]] != of) & np.array([companions[label] for label in labels]))
    chosen: list[int] = []
    seen: set[frozenset[int]] = set()
    for row in wrong[np.argsort(neighbors.distances[wrong, 0], kind="stable")].tolist():
        both = frozenset((row, int(neighbors.rows[row, 0])))
        if both not in seen and len(chosen) < count:
            seen.add(both)
            chosen.append(row)
    return chosen
