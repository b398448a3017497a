"""A linear layer to discriminant axes: the directions in which classes differ more than their own pictures do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats


def discriminant_projection(
    rows: Floats, classes: NDArray[np.int64], dim: int, shrinkage: float
) -> tuple[Floats, Floats]:
    """Weight `(dim, T)` and bias `(dim,)` that centre rows `(N, T)` and map them to shrunk discriminant axes.

    Rows are whitened by the covariance within classes, to which `shrinkage` times its mean variance is added on the
    diagonal, then rotated to the principal axes of the result. Without shrinkage only the differences between the
    training classes would count, and classes never seen would lie close to each other; with much of it the axes are
    the principal ones. The mean length of the mapped rows is 1.
    Source: Fisher 1936; Friedman, "Regularized Discriminant Analysis", JASA 1989.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    _, numbered, counts = np.unique(classes, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, numbered, rows)
    within = rows - (sums / counts[:, None])[numbered]
    scatter = within.T @ within / len(rows)
    values, vectors = np.linalg.eigh(scatter + shrinkage * np.trace(scatter) / len(scatter) * np.eye(len(scatter)))
    whitening = (vectors / np.sqrt(values)) @ vectors.T
    mapped = (rows - mean) @ whitening
    _, axes = np.linalg.eigh(mapped.T @ mapped / len(rows))
    weight = (whitening @ axes[:, ::-1][:, :dim]).T
    weight /= np.linalg.norm((rows - mean) @ weight.T, axis=1).mean()
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)
