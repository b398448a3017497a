"""The plain classifier: what siamese networks are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from indexer.training.losses import LossSettings
    from indexer.training.mining import Triplets


def softmax(settings: LossSettings) -> nn.Module:
    """Cross-entropy of a linear layer, with bias, over the embeddings as the network gives them, whatever their length.

    `margin` is not used.
    """
    return SoftmaxLoss(settings.classes, settings.dim)


class SoftmaxLoss(nn.Module):
    """A linear classifier on top of embeddings; mined triplets do not matter to it."""

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, classes)

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        return functional.cross_entropy(self.layer(embeddings), labels)
