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
    """`max(0, d - 0.3)` for positive pairs, `max(0, 0.3 + margin - d)` for negative ones, d Euclidean; not squared.

    The mean over the positive pairs with a loss above 0, plus the same mean over the negative pairs. By default the
    library pulls positive pairs together until their distance is 0; a tuned loss stops earlier (Musgrave et al. tuned
    both bounds). As in the triplet loss, `margin` is then the gap between the two bounds.

    Source: Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    distance = LpDistance(normalize_embeddings=settings.normalize)
    loss: nn.Module = ContrastiveLoss(distance=distance, pos_margin=_NEAR, neg_margin=_NEAR + settings.margin)
    return loss


def cosine_embedding(settings: LossSettings) -> nn.Module:
    """`1 - cos` for positive pairs, `max(0, cos - margin)` for negative ones, as in torch's CosineEmbeddingLoss.

    The mean over the positive pairs with a loss above 0, plus the same mean over the negative pairs. torch takes one
    mean over all pairs, in which the few positive pairs of a P x K batch would hardly count.

    Source: Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", NIPS 1993.
    """
    loss: nn.Module = ContrastiveLoss(distance=CosineSimilarity(), pos_margin=1, neg_margin=settings.margin)
    return loss


def angular(settings: LossSettings) -> nn.Module:
    """For each positive pair (a, p), `log(1 + sum over n of exp(4 t (a + p)n - 2 (1 + t) ap))`, t = tan^2(40 deg).

    The mean over the pairs; `margin` is not used.

    Source: Wang, Zhou, Wen, Liu, Lin, "Deep Metric Learning with Angular Loss", ICCV 2017.
    """
    # The library scales anchors and positives to unit length, but not the negatives.
    return Normalized(AngularLoss(alpha=40))


def multi_similarity(settings: LossSettings) -> nn.Module:
    """For each view, `log(1 + sum exp(-2 (s_p - 0.5))) / 2 + log(1 + sum exp(50 (s_n - 0.5))) / 50`, s the cosines.

    The mean over the views; `margin` is not used. The paper's mining of pairs is left out, because P x K batches of
    this size do not need it.

    Source: Wang, Han, Huang, Dong, Scott, "Multi-Similarity Loss with General Pair Weighting for Deep Metric
    Learning", CVPR 2019.
    """
    loss: nn.Module = MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    return loss


def supcon(settings: LossSettings) -> nn.Module:
    """Minus the log of the softmax of cosine / 0.1 over all other views, averaged over the positives.

    The mean over the views that have a positive; `margin` is not used.

    Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020.
    """
    loss: nn.Module = SupConLoss(temperature=0.1)
    return loss


class Normalized(nn.Module):
    """Scales embeddings to unit length before a loss."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        cost: Tensor = self.loss(functional.normalize(embeddings), labels, mined)
        return cost
