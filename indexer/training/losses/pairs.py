"""Losses over all pairs of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import AngularLoss, ContrastiveLoss, MultiSimilarityLoss, SupConLoss
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from indexer.training.losses import LossSettings
    from indexer.training.mining import Triplets

_NEAR = 0.3


def contrastive(settings: LossSettings) -> nn.Module:
    """Pairs of a class cost `max(0, d - 0.3)`, others `max(0, 0.3 + margin - d)`, d Euclidean; unsquared.

    The mean over the pairs of a class that cost, plus that over the others that cost. The library pulls the pairs of a
    class together down to 0; a tuned loss lets them be from some distance on (Musgrave et al. tuned both bounds), and
    `margin` is then, as in the triplet loss, the gap between what is near and what is far.

    Source: Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    distance = LpDistance(normalize_embeddings=settings.normalize)
    loss: nn.Module = ContrastiveLoss(distance=distance, pos_margin=_NEAR, neg_margin=_NEAR + settings.margin)
    return loss


def cosine_embedding(settings: LossSettings) -> nn.Module:
    """Pairs of a class cost `1 - cos`, others `max(0, cos - margin)`, as torch's CosineEmbeddingLoss.

    The mean over the pairs of a class that cost, plus that over the others that cost: torch's single mean over all
    pairs would count the few pairs of a class for nothing in a P x K batch.

    Source: Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", NIPS 1993.
    """
    loss: nn.Module = ContrastiveLoss(distance=CosineSimilarity(), pos_margin=1, neg_margin=settings.margin)
    return loss


def angular(settings: LossSettings) -> nn.Module:
    """For each pair (a, p) of a class, `log(1 + sum over n of exp(4 t (a + p)n - 2 (1 + t) ap))`, t = tan^2(40 deg).

    The mean over the pairs; `margin` is not used.

    Source: Wang, Zhou, Wen, Liu, Lin, "Deep Metric Learning with Angular Loss", ICCV 2017.
    """
    # The library scales anchors and positives to unit length, but not the negatives.
    return OfDirections(AngularLoss(alpha=40))


def multi_similarity(settings: LossSettings) -> nn.Module:
    """For each view, `log(1 + sum exp(-2 (s_p - 0.5))) / 2 + log(1 + sum exp(50 (s_n - 0.5))) / 50`, s the cosines.

    The mean over the views; `margin` is not used. Without the paper's own mining of pairs, which P x K batches of this
    size do not need.

    Source: Wang, Han, Huang, Dong, Scott, "Multi-Similarity Loss with General Pair Weighting for Deep Metric
    Learning", CVPR 2019.
    """
    loss: nn.Module = MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    return loss


def supcon(settings: LossSettings) -> nn.Module:
    """Minus the log of the softmax of cosine / 0.1 over all other views, averaged over those of the same class.

    The mean over the views that have another of their class; `margin` is not used.

    Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020.
    """
    loss: nn.Module = SupConLoss(temperature=0.1)
    return loss


class OfDirections(nn.Module):
    """Scales embeddings to unit length before a loss sees them."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        cost: Tensor = self.loss(functional.normalize(embeddings), labels, mined)
        return cost
