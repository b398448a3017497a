"""Detect collapse: all pictures get the same embedding, a common failure of triplet losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from search.errors import TwinlensError

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SPREAD = 0.01
"""Standard deviation of distances. It is 0.06 between random unit vectors in 128 dimensions, above 0.1 after training,
and below 0.001 for a collapsed network."""


class TrainingCollapsedError(TwinlensError):
    """The embeddings of different pictures have become the same."""


def spread_of(embeddings: Tensor, *, normalize: bool = True) -> float:
    """Standard deviation of the distances between all pairs of `(B, D)` embeddings, scaled to unit length.

    If `normalize` is false, all are divided by the root of their mean squared length instead. This removes only the
    overall scale, which is not a sign of collapse.
    """
    rows = embeddings.detach().float()
    size = rows.square().sum(dim=1).mean().sqrt().clamp(min=1e-12)
    rows = functional.normalize(rows) if normalize else rows / size
    return float(torch.pdist(rows).std()) if len(rows) > 2 else 0.0


def check_spread(spread: float, step: int) -> None:
    """Stop a collapsed run.

    Raises:
        TrainingCollapsedError: the spread is below `LEAST_SPREAD`, or not a number.
    """
    if not spread >= LEAST_SPREAD:
        raise TrainingCollapsedError(
            f"step {step}: training collapsed (spread of distances {spread:.4f}): every picture gets the same "
            "embedding. Use a lower learning rate, mining='semihard' instead of 'hard', or a warm-up loss, and begin "
            "again in a new folder"
        )
