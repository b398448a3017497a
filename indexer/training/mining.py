"""Choose the triplets of a batch for the loss, mostly with the miners of pytorch-metric-learning.

Distances are Euclidean between embeddings scaled to unit length, or between unscaled ones if `normalize` is false.
Only `distance-weighted` uses random numbers, from torch's global generators: seeding these before each step reproduces
the triplets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.errors import DataError

Triplets = tuple[Tensor, Tensor, Tensor]
"""Rows of anchors, positives and negatives within a batch, each `(T,) int64`."""


def _batch_hard(margin: float, normalize: bool) -> Any:
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.miners import BatchHardMiner

    return BatchHardMiner(distance=LpDistance(normalize_embeddings=normalize))


def _distance_weighted(margin: float, normalize: bool) -> Any:
    if not normalize:
        raise DataError("mining distance-weighted: needs unit vectors. Set normalize to true, or use another mining")
    return DistanceWeighted()


def _easy_positive(margin: float, normalize: bool) -> Any:
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.miners import BatchEasyHardMiner

    distance = LpDistance(normalize_embeddings=normalize)
    miner = BatchEasyHardMiner(distance=distance, pos_strategy="easy", neg_strategy="hard")

    def mine(embeddings: Tensor, labels: Tensor) -> Triplets:
        anchors, positives, _, negatives = miner(embeddings, labels)  # anchor and positive, anchor and negative
        return anchors, positives, negatives

    return mine


def _by_margin(margin: float, normalize: bool, *, which: str) -> Any:
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.miners import TripletMarginMiner

    return TripletMarginMiner(
        margin=margin, type_of_triplets=which, distance=LpDistance(normalize_embeddings=normalize)
    )


MINERS: dict[str, Callable[[float, bool], Any] | None] = {
    "all": None,
    "batch-hard": _batch_hard,
    "distance-weighted": _distance_weighted,
    "easy-positive": _easy_positive,
    "hard": partial(_by_margin, which="hard"),
    "semihard": partial(_by_margin, which="semihard"),
    "violating": partial(_by_margin, which="all"),
}
"""`all`: no mining. `hard`: negatives no farther than the positive. `semihard`: negatives farther than the positive, by
at most the margin. `violating`: hard and semihard. `batch-hard`: for each anchor the farthest positive and the nearest
negative. `easy-positive`: the nearest positive and the nearest negative, so that a class may lie in several groups
(Xuan, Stylianou, Pless, "Improved Embeddings with Easy Positive Triplet Mining", WACV 2020). `distance-weighted`: for
each positive pair one negative, drawn so that all distances are equally likely."""


def make_miner(name: str, margin: float, *, normalize: bool = True) -> Any | None:
    """Build a miner `(embeddings, labels) -> triplets`; None for `all`.

    Raises:
        DataError: an unknown name, or a mining that needs unit vectors while `normalize` is false.
    """
    if name not in MINERS:
        raise DataError(f"mining: unknown mining {name!r}. Use one of {', '.join(sorted(MINERS))}")
    build = MINERS[name]
    return None if build is None else build(margin, normalize)


class DistanceWeighted(nn.Module):
    """Draw negatives with weight 1/q(d), where q is the density of distances between random points of the sphere.

    `q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2)` in D dimensions. Distances below `near` count as `near`, which bounds the
    weights; a negative at `far` or beyond is never drawn. An anchor without any other negative gets no triplet; every
    other anchor gets as many as its class has views, with random positives.

    The library's own miner divides all weights of a batch by the largest one. In 512 dimensions a single close pair
    then makes the weights of most other anchors, and their triplets, vanish in float32.

    Source: Wu, Manmatha, Smola, Krähenbühl, "Sampling Matters in Deep Embedding Learning", ICCV 2017, with its 0.5 and
    1.4.
    """

    def __init__(self, near: float = 0.5, far: float = 1.4) -> None:
        super().__init__()
        self.near = near
        self.far = far

    @torch.no_grad()
    def forward(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Triplets of a batch `(B, D)` with labels `(B,)`."""
        from pytorch_metric_learning.utils.loss_and_miner_utils import get_random_triplet_indices

        triplets: Triplets = get_random_triplet_indices(labels, weights=self.weights(embeddings, labels))
        return triplets

    def weights(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Probability `(B, B)` of each view to be an anchor's negative; a row sums to 1, or to 0 without negatives."""
        distances = distances_of(embeddings)
        bounded = distances.clamp(self.near, self.far)
        dim = embeddings.shape[1]
        logs = (2 - dim) * bounded.log() - (dim - 3) / 2 * torch.log1p(-bounded.square() / 4)
        allowed = (labels[:, None] != labels[None, :]) & (distances < self.far)
        return torch.softmax(logs.masked_fill(~allowed, -math.inf), dim=1).nan_to_num(0.0)


def triplets_as_drawn(embeddings: Tensor, labels: Tensor) -> Triplets:
    """The triplets of a batch of `indexer.training.sampling.RandomTriplets`: every three rows are one triplet."""
    anchors = torch.arange(0, len(labels), 3, device=labels.device)
    return anchors, anchors + 1, anchors + 2


@torch.no_grad()
def active_share(embeddings: Tensor, labels: Tensor, margin: float, *, normalize: bool = True) -> float:
    """Share of all triplets of embeddings `(B, D)` with labels `(B,)` that violate d(a,p) + margin <= d(a,n).

    In [0, 1]; 0 if there is no triplet. Needs memory for B x B distances, not for all triplets.
    """
    same = labels[:, None] == labels[None, :]
    distances = distances_of(embeddings, normalize=normalize)
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negatives = (~same).sum(dim=1, keepdim=True)
    triplets = int((positive * negatives).sum())
    if triplets == 0:
        return 0.0
    sorted_negatives = distances.masked_fill(same, math.inf).sort(dim=1).values
    violating = torch.searchsorted(sorted_negatives, distances + margin)
    return int((violating * positive).sum()) / triplets


def distances_of(embeddings: Tensor, *, normalize: bool = True) -> Tensor:
    """Euclidean distances `(B, B)` between embeddings, scaled to unit length first unless `normalize` is false.

    Equal embeddings have distance 0 exactly: no matrix product is used, whose rounding error reaches 1e-3 there.
    """
    rows = functional.normalize(embeddings.float()) if normalize else embeddings.float()
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
