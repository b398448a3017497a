"""`{"kind": "joined", ...}`: a learned embedding and two fixed descriptors joined into one vector.

{"kind": "joined", "learned": {"kind": "resnet", ...}, "weights": [0.6, 0.2, 0.2], "dim": 256}
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.descriptors import ColorHistogram, GradientLayout
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD


class Joined(nn.Module):
    """`(B, 3, S, S) float32 -> (B, dim)`, not unit length.

    Three parts of unit length (shorter for the edges of a blank picture) are each scaled by the square root of their
    weight, so that the squared distance of two pictures is the weighted sum of the squared distances of the parts: the
    learned embedding (content), a histogram of colours, and a layout of edges. They are joined, centred and projected
    to `dim` principal axes by `projection`, which is fitted to training pictures after the training: see
    `indexer.training.joining`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, learned: nn.Module, learned_dim: int, weights: Sequence[float], dim: int) -> None:
        """Join the embedding of `learned`, which has `learned_dim` values, with the descriptors.

        `weights`, for the learned embedding, the colours and the edges, sum to 1.

        Raises:
            ValueError: the weights do not, or `dim` is not positive.
        """
        super().__init__()
        if len(weights) != 3 or min(weights) < 0 or abs(sum(weights) - 1.0) > 1e-6 or dim < 1:
            raise ValueError(f"weights {weights} and dim {dim}: three weights must sum to 1, and dim must be positive")
        self.learned = learned
        self.colors, self.edges = ColorHistogram(), GradientLayout()
        self.weights = tuple(float(weight) for weight in weights)
        self.projection = nn.Linear(learned_dim + self.colors.dim + self.edges.dim, dim)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def joined(self, pictures: Tensor) -> Tensor:
        """Rows `(B, T)` of all parts before the projection, unit length, from normalised pictures `(B, 3, S, S)`."""
        plain = (pictures.float() * self.std + self.mean).clamp(0.0, 1.0)
        learned, colors = functional.normalize(self.learned(pictures).float()), functional.normalize(self.colors(plain))
        parts = zip(self.weights, (learned, colors, self.edges(plain)), strict=True)
        return torch.cat([weight**0.5 * part for weight, part in parts], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, S, S)`."""
        vectors: Tensor = self.projection(self.joined(pictures))
        return vectors
