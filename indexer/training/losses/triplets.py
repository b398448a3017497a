"""Losses over triplets: the mined ones, or all triplets of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_triplets
from torch import Tensor, nn
from torch.nn import functional

from indexer.training.mining import distances_of
from search.errors import DataError

if TYPE_CHECKING:
    from indexer.training.losses import LossSettings
    from indexer.training.mining import Triplets


def triplet(settings: LossSettings) -> nn.Module:
    """`max(0, d(a,p) - d(a,n) + margin)`, d Euclidean between unit vectors; the mean over the values above 0.

    Tuned margins for unit vectors lie around 0.05 to 0.15 (Musgrave et al. 2020); 0.2 is for squared distances.

    Source: Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015; not squared, and averaged over the values above 0, as
    in Hermans et al. 2017.
    """
    loss: nn.Module = TripletMarginLoss(
        margin=settings.margin, distance=LpDistance(normalize_embeddings=settings.normalize)
    )
    return loss


def triplet_mean(settings: LossSettings) -> nn.Module:
    """`triplet`, but the mean over all triplets, as torch's TripletMarginLoss.

    Its gradient shrinks as more triplets reach loss 0; that of `triplet` does not.

    Source: Balntas, Riba, Ponsa, Mikolajczyk, "Learning local feature descriptors with triplets and shallow
    convolutional neural networks", BMVC 2016.
    """
    loss: nn.Module = TripletMarginLoss(
        margin=settings.margin,
        distance=LpDistance(normalize_embeddings=settings.normalize),
        reducer=MeanReducer(),
    )
    return loss


def triplet_cosine(settings: LossSettings) -> nn.Module:
    """`max(0, cos(a,n) - cos(a,p) + margin)`, half the loss over squared distances with twice the margin.

    The mean over the values above 0. `indexer.training.mining` uses Euclidean distances for this loss too.
    """
    loss: nn.Module = TripletMarginLoss(margin=settings.margin, distance=CosineSimilarity())
    return loss


def triplet_soft(settings: LossSettings) -> nn.Module:
    """`m log(1 + exp((d(a,p) - d(a,n)) / m))`, d Euclidean between unit vectors, m the margin; the mean over all.

    m = 1 is the formula of Hermans et al. 2017, where embeddings are not scaled to unit length and the network learns
    the scale at which the bend is sharp. For unit vectors m has to be set.
    """
    return SoftTripletLoss(settings.margin, normalize=settings.normalize)


def triplet_soft_cosine(settings: LossSettings) -> nn.Module:
    """`m log(1 + exp((cos(a,n) - cos(a,p)) / m))`, m the margin; the mean over all.

    The cross-entropy of choosing between the positive and one negative by cosine, at temperature m.
    """
    return SoftTripletLoss(settings.margin, cosine=True)


def triplet_adapted(settings: LossSettings) -> nn.Module:
    """The triplet loss with a correction of the selection bias; see `AdaptedTripletLoss`."""
    return AdaptedTripletLoss(settings.margin, normalize=settings.normalize)


class SoftTripletLoss(nn.Module):
    """A smooth `max(0, violation)` whose corner is rounded over a given width; every triplet has a loss above 0."""

    def __init__(self, width: float, *, cosine: bool = False, normalize: bool = True) -> None:
        super().__init__()
        if not width > 0:
            raise DataError(f"margin {width}: must be more than 0, because it is the width of the soft margin")
        self.width = width
        self.cosine = cosine
        self.normalize = normalize

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        anchors, positives, negatives = convert_to_triplets(mined, labels, labels, t_per_anchor="all")
        if len(anchors) == 0:
            return embeddings.sum() * 0.0
        far = _minus_cosines(embeddings) if self.cosine else distances_of(embeddings, normalize=self.normalize)
        violations = far[anchors, positives] - far[anchors, negatives]
        return functional.softplus(violations / self.width).mean() * self.width


def _minus_cosines(embeddings: Tensor) -> Tensor:
    unit = functional.normalize(embeddings)
    return -(unit @ unit.T)


class AdaptedTripletLoss(nn.Module):
    """The triplet loss, plus a term that corrects the bias of mining.

    Mining selects views that are not typical of their class: the loss gets P_s(x | y) instead of P(x | y).
    With f the unit embeddings, w_i the number of mined triplets that contain view i (as anchor, positive or negative),
    and Y the classes of those views:

        L = L_triplet + weight * L_match
        L_match = 1/|Y| * sum over y in Y of || m(y) - s(y) ||^2
        m(y) = mean of f_i over the views i of class y in the batch
        s(y) = sum of w_i f_i over the same views / sum of w_i

    `L_triplet` is the loss `triplet`. Assumptions: a batch's views of a class are a fair sample of it; given their
    classes, the three views of a triplet are independent; and the shift changes the means (a linear kernel), not only
    the covariances. Three choices are ours, because the paper's text was not available: the square, the mean over
    classes (so that the term does not grow with their number), and equal weight for the three roles. If all triplets of
    a batch are used, `s(y) = m(y)`, the term is 0, and the loss equals `triplet`.

    Source: Yu, Liu, Gong, Ding, Tao, "Correcting the Triplet Selection Bias for Triplet Loss", ECCV 2018, where it is
    called the adapted triplet loss.
    """

    def __init__(self, margin: float, weight: float = 1.0, *, normalize: bool = True) -> None:
        super().__init__()
        self.triplet: nn.Module = TripletMarginLoss(margin=margin, distance=LpDistance(normalize_embeddings=normalize))
        self.weight = weight
        self.normalize = normalize

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Triplets | None = None) -> Tensor:
        """Scalar loss of embeddings `(B, D)`."""
        cost: Tensor = self.triplet(embeddings, labels, mined)
        if mined is None or len(mined[0]) == 0:
            return cost
        rows = functional.normalize(embeddings) if self.normalize else embeddings
        return cost + self.weight * _shift(rows, labels, mined)


def _shift(rows: Tensor, labels: Tensor, mined: Triplets) -> Tensor:
    """Mean over classes of the squared distance between the mean of all views and the mean of the selected ones."""
    times = torch.bincount(torch.cat(mined), minlength=len(rows)).to(rows.dtype)
    names, of_class = labels.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    member = functional.one_hot(of_class, len(names)).T.to(rows.dtype)
    selected = member * times
    chosen = selected.sum(dim=1) > 0
    shift = _weighted_means(member[chosen], rows) - _weighted_means(selected[chosen], rows)
    return shift.square().sum(dim=1).mean()


def _weighted_means(weights: Tensor, rows: Tensor) -> Tensor:
    return weights @ rows / weights.sum(dim=1, keepdim=True)
