"""`{"kind": "combined", ...}`: the vectors of several networks side by side, each with a weight and a picture size.

{"kind": "combined", "dim": 384, "parts": [
    {"network": {"kind": "efficientnet_lite", ...}, "size": 256, "dim": 256, "weight": 0.67},
    {"network": {"kind": "joined", ...}, "size": 64, "dim": 256, "weight": 0.33}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.pooling import resized


class Part(NamedTuple):
    """One network and how it takes part."""

    network: nn.Module
    size: int
    """Pixels per side of the pictures that it gets."""
    dim: int
    weight: float
    """Its share of the squared distance."""


class Combined(nn.Module):
    """`(B, 3, S, S) float32 -> (B, dim)`, not unit length; S is the largest size of the parts.

    The vector of each part is normalised to unit length and scaled by the square root of its weight, so that the
    squared distance of two pictures is the weighted sum of the squared distances of the parts. If `dim` is less than
    the dimensions of all parts, `projection` maps the result to principal axes; it is fitted to pictures after the
    parts are trained: see `indexer.training.combining`.
    """

    def __init__(self, *, parts: Sequence[Part], dim: int) -> None:
        """Combine parts, whose weights sum to 1.

        Raises:
            ValueError: there is no part, the weights do not sum to 1, a size is not positive, or `dim` is not between
                1 and the dimensions of all parts.
        """
        super().__init__()
        self.sizes = tuple(int(part.size) for part in parts)
        self.weights = tuple(float(part.weight) for part in parts)
        total = sum(part.dim for part in parts)
        if min(self.weights, default=-1) <= 0 or abs(sum(self.weights) - 1.0) > 1e-6 or min(self.sizes) < 1:
            raise ValueError(f"weights {self.weights} and sizes {self.sizes}: must be positive, and weights sum to 1")
        if not 1 <= dim <= total:
            raise ValueError(f"dim {dim}: must be from 1 to {total}, the dimensions of all parts")
        self.parts = nn.ModuleList(part.network for part in parts)
        self.projection = nn.Linear(total, dim) if dim < total else nn.Identity()

    def combined(self, pictures: Tensor) -> Tensor:
        """Rows `(B, T)` of all parts before the projection, unit length, from normalised pictures `(B, 3, S, S)`."""
        if pictures.shape[-1] != max(self.sizes):
            raise ValueError(f"this network takes pictures of {max(self.sizes)} pixels, not {pictures.shape[-1]}")
        rows = [
            functional.normalize(network(resized(pictures, size)).float()) * weight**0.5
            for network, size, weight in zip(self.parts, self.sizes, self.weights, strict=True)
        ]
        return torch.cat(rows, dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, S, S)`."""
        vectors: Tensor = self.projection(self.combined(pictures))
        return vectors
