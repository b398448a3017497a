"""Losses that train a classifier on top of the embedding; the classifier is discarded afterwards.

The optimizer of the network also trains the classifier's weights. Adam's steps do not depend on the scale of the
weights, so weights that start ten times longer rotate ten times more slowly. Where only their direction matters, they
start with length 1, unlike those of the library.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from pytorch_metric_learning.losses import ArcFaceLoss, NormalizedSoftmaxLoss, ProxyAnchorLoss
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from indexer.training.losses import LossSettings
    from indexer.training.mining import Triplets

_TEMPERATURE = 0.05


def softmax(settings: LossSettings) -> nn.Module:
    """Cross-entropy of a linear layer, with bias, on embeddings of any length: the plain classifier.

    `margin` is not used.
    """
    return SoftmaxLoss(settings.classes, settings.dim)


def normalized_softmax(settings: LossSettings) -> nn.Module:
    """Cross-entropy of cosines to the weights of the classes, divided by 0.05; `margin` is not used.

    Source: Zhai, Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019.
    """
    loss = NormalizedSoftmaxLoss(settings.classes, settings.dim, temperature=_TEMPERATURE)
    return _of_length_1(loss, loss.W, settings.dim)


def arcface(settings: LossSettings) -> nn.Module:
    """`normalized-softmax`, with `margin` (an angle in radians) added to the angle to the right class.

    The temperature is the same, so that margin 0 gives that loss. The paper's scale of 64 and margin of 0.5 are meant
    for tens of thousands of faces, and need a pretrained network.

    Source: Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.
    """
    loss = _ArcFace(settings.classes, settings.dim, margin=math.degrees(settings.margin), scale=1 / _TEMPERATURE)
    return _of_length_1(loss, loss.W, settings.dim)


def proxy_anchor(settings: LossSettings) -> nn.Module:
    """Each class has a proxy vector, which attracts the views of the class and repels all others.

    With s the cosines of views to a proxy:

        mean over classes of the batch of log(1 + sum over their views of exp(-32 (s - margin)))
        + mean over all classes of log(1 + sum over other views of exp(32 (s + margin))).

    Source: Kim, Kim, Cho, Kwak, "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, with its 32; its margin is
    0.1.
    """
    loss = ProxyAnchorLoss(settings.classes, settings.dim, margin=settings.margin, alpha=32)
    return _of_length_1(loss, loss.proxies, settings.dim)


class SoftmaxLoss(nn.Module):
    """A linear classifier on top of embeddings; mined triplets are ignored."""

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, classes)

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        return functional.cross_entropy(self.layer(embeddings), labels)


class _ArcFace(ArcFaceLoss):  # type: ignore[misc]
    """Keeps cosines below 1, where the slope of the arc cosine is infinite and the library's gradient NaN."""

    def get_angles(self, cosine_of_target_classes: Tensor) -> Tensor:
        return torch.acos(cosine_of_target_classes.clamp(-1 + 1e-6, 1 - 1e-6))


def _of_length_1(loss: nn.Module, weights: Tensor, dim: int) -> nn.Module:
    nn.init.normal_(weights, std=dim**-0.5)
    return loss
