"""Fit a linear layer that compares classes by what differs between them, not by what varies within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.training.config import DiscriminantConfig
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Folders:
    """Where each of N pictures lies: `classes (N,)` numbers its folder, `sets (N,)` names the folder at the top."""

    classes: NDArray[np.int64]
    sets: NDArray[np.str_]


def in_folders(paths: Sequence[Path], root: Path) -> Folders:
    """The folders of pictures `root/SET/CLASS/FILE`."""
    classes = np.unique([str(path.parent) for path in paths], return_inverse=True)[1].astype(np.int64)
    return Folders(classes, np.array([path.relative_to(root).parts[0] for path in paths]))


def discriminant_projection(
    rows: Floats, folders: Folders, config: DiscriminantConfig, dim: int
) -> tuple[Floats, Floats]:
    """Weight `(dim, T)` and bias `(dim,)` that centre rows `(N, T)`, whiten their scatter within classes, and cut axes.

    Each set of classes has a weight: its mean and its scatter, scaled to the same trace, count by it.
    `shrinkage` times the mean variance within classes is added to the variance along every axis, which bounds how much
    an axis is stretched. The `dim` axes with the largest variance after whitening are kept.

    Source: Fisher's discriminant as within-class covariance normalisation: Hatch, Kajarekar, Stolcke, "Within-class
    covariance normalization for SVM-based speaker recognition", Interspeech 2006.

    Raises:
        DataError: a set has no pictures, or no class with two.
    """
    total = sum(config.sets.values())
    mean, scatter = np.zeros(rows.shape[1]), np.zeros((rows.shape[1], rows.shape[1]))
    for name, weight in config.sets.items():
        chosen = folders.sets == name
        own = rows[chosen].astype(np.float64)
        within = _within(own, folders.classes[chosen], name)
        mean += weight / total * own.mean(axis=0)
        scatter += weight / total * within / np.trace(within)
    variances, axes = np.linalg.eigh(scatter)
    whitened = axes / np.sqrt(np.maximum(variances, 0) + config.shrinkage * variances.mean())
    mapped = (rows - mean) @ whitened
    strongest = np.linalg.eigh(mapped.T @ mapped)[1][:, ::-1][:, :dim]
    weight_of_layer = (whitened @ strongest).T
    # Only the scale of all values is free: unit length on average keeps it like that of other encoders.
    weight_of_layer /= np.linalg.norm((rows - mean) @ weight_of_layer.T, axis=1).mean()
    return weight_of_layer.astype(np.float32), (-weight_of_layer @ mean).astype(np.float32)


def _within(rows: NDArray[np.float64], classes: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    """Covariance `(T, T)` of the rows about the means of their classes."""
    if len(np.unique(classes)) == len(classes):
        raise DataError(f"{name}: no folder has two pictures, so nothing varies within a class")
    numbers, of, counts = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.zeros((len(numbers), rows.shape[1]))
    np.add.at(means, of, rows)
    centred = rows - (means / counts[:, None])[of]
    covariance: NDArray[np.float64] = centred.T @ centred / (len(rows) - len(numbers))
    return covariance
