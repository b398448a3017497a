"""R@k and mAP@R by label, leave-one-out: every picture is a query, and all others are the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.types import Floats

_BLOCK_BYTES = 256 * 1024 * 1024
"""Memory for similarities."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Mean over the queries that have at least one other picture of their label in the gallery."""

    queries: int
    recall_at: dict[int, float]
    map_at_r: float


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """Figures of each query, from which intervals are resampled."""

    rows: NDArray[np.int64]
    """`(Q,)` the row of each query."""
    classes: NDArray[np.int64]
    """`(Q,)` the number of each query's label."""
    hits: dict[int, NDArray[np.bool_]]
    """k -> `(Q,)` whether a picture of the same label is among the k nearest others."""
    average_precision: NDArray[np.float64]
    """`(Q,)` at R."""


def retrieval(
    vectors: Floats, labels: Sequence[str | None], ks: Sequence[int] = (1, 5, 10), *, unit: bool = True
) -> Retrieval:
    """R@k and mAP@R of rows `(N, D) float32`: the means of `query_figures`, or zeros without any query."""
    of = query_figures(vectors, labels, ks, unit=unit)
    if len(of.rows) == 0:
        return Retrieval(0, dict.fromkeys(ks, 0.0), 0.0)
    return Retrieval(
        len(of.rows), {k: float(hits.mean()) for k, hits in of.hits.items()}, float(of.average_precision.mean())
    )


def query_figures(
    vectors: Floats, labels: Sequence[str | None], ks: Sequence[int] = (1, 5, 10), *, unit: bool = True
) -> QueryFigures:
    """R@k and average precision at R of every picture that shares its label, among unit rows `(N, D) float32`.

    If `unit` is false, rows have any length, and neighbours are ordered by Euclidean distance.

    R@k is the share of queries with a picture of their own label among the k nearest others. For a query with R others
    of its label, the average precision at R is the sum of the precisions at those of the first R ranks that have its
    label, divided by R; mAP@R is the mean. Pictures without a label, or alone with theirs, are not queries but stay in
    the gallery.
    Source: Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020.
    """
    codes, counts = label_codes(labels)
    queries = np.flatnonzero((codes >= 0) & (counts[codes] > 1))
    hits = {k: np.zeros(len(queries), dtype=np.bool_) for k in ks}
    precision = np.zeros(len(queries))
    if len(queries) > 0:
        depth = min(len(vectors) - 1, max(int(counts.max()) - 1, *ks))
        step = max(1, _BLOCK_BYTES // (8 * len(vectors)))
        for start in range(0, len(queries), step):
            rows = queries[start : start + step]
            right = codes[_nearest(vectors, rows, depth, unit)] == codes[rows][:, None]
            for k in ks:
                hits[k][start : start + step] = right[:, :k].any(axis=1)
            precision[start : start + step] = _average_precision_at_r(right, counts[codes[rows]] - 1)
    return QueryFigures(queries, codes[queries], hits, precision)


def label_codes(labels: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the labels, -1 for None; return the numbers and how many pictures each has."""
    names = {name: code for code, name in enumerate(sorted({label for label in labels if label is not None}))}
    codes = np.array([-1 if label is None else names[label] for label in labels], dtype=np.int64)
    return codes, np.bincount(codes[codes >= 0], minlength=max(1, len(names)))


def _nearest(vectors: Floats, rows: NDArray[np.int64], depth: int, unit: bool) -> NDArray[np.int64]:
    """The `depth` nearest others of each row, nearest first."""
    similarity = vectors[rows] @ vectors.T
    if not unit:  # d^2 = |a|^2 + |b|^2 - 2 ab, of which |a|^2 is the same for all b
        similarity -= np.square(vectors).sum(axis=1) / 2
    similarity[np.arange(len(rows)), rows] = -np.inf
    nearest = np.argpartition(-similarity, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(similarity, nearest, axis=1), axis=1, kind="stable")
    return np.take_along_axis(nearest, order, axis=1)


def _average_precision_at_r(right: NDArray[np.bool_], relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    ranks = np.arange(1, right.shape[1] + 1)
    counted = right & (ranks <= relevant[:, None])
    precision: NDArray[np.float64] = (np.cumsum(counted, axis=1) / ranks * counted).sum(axis=1) / relevant
    return precision
