"""The alarm for a run whose embeddings all end in one place, which triplet losses are prone to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from search.errors import TwinlensError

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SPREAD = 0.01
"""Between random unit vectors in 128 dimensions the standard deviation of the distances is 0.06, after training it
is above 0.1; a collapsed network is below 0.001."""


class TrainingCollapsedError(TwinlensError):
    """The embeddings of different pictures have become the same."""


def spread_of(embeddings: Tensor, *, normalize: bool = True) -> float:
    """Standard deviation of the distances between all pairs of `(B, D)` embeddings, made unit length.

    Where `normalize` is false they are all divided by the root of their mean squared length instead: the plane stays
    as it is but for its unit, which is no sign of a collapse.
    """
    rows = embeddings.detach().float()
    size = rows.square().sum(dim=1).mean().sqrt().clamp(min=1e-12)
    rows = functional.normalize(rows) if normalize else rows / size
    return float(torch.pdist(rows).std()) if len(rows) > 2 else 0.0


def check_spread(spread: float, step: int) -> None:
    """Stop a run that has collapsed.

    Raises:
        TrainingCollapsedError: the spread has vanished, or is not a number.
    """
    if not spread >= LEAST_SPREAD:
        raise TrainingCollapsedError(
            f"step {step}: the distances between pictures have vanished (spread {spread:.4f}): every picture gets the "
            "same embedding. Use a lower learning rate, mining='semihard' in place of 'hard', or a warm-up loss, and "
            "begin again in a new folder"
        )
