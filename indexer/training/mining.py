"""Which triplets of a batch the loss is shown, and how many still cost; most miners are pytorch-metric-learning's.

Distances are Euclidean between embeddings scaled to unit length, or as they are where `normalize` is false. Only
`distance-weighted` draws random numbers: from torch's own generators, so that whoever seeds those before each step gets
the same triplets again.
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
        raise DataError(
            "mining distance-weighted: knows the sphere alone. Leave normalize true, or take another mining"
        )
    return DistanceWeighted()


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
    "hard": partial(_by_margin, which="hard"),
    "semihard": partial(_by_margin, which="semihard"),
    "violating": partial(_by_margin, which="all"),
}
"""`all`: no mining. `hard`: negatives no farther than the positive. `semihard`: negatives farther than the positive, by
the margin at most. `violating`: these and the hard ones. `batch-hard`: for each anchor the farthest positive and the
nearest negative. `distance-weighted`: for each pair of a class one negative, drawn so that every distance comes as
often as any other."""


def make_miner(name: str, margin: float, *, normalize: bool = True) -> Any | None:
    """Build a miner `(embeddings, labels) -> triplets`; None where there is nothing to mine.

    Raises:
        DataError: an unknown name, or a mining that knows unit vectors alone.
    """
    if name not in MINERS:
        raise DataError(f"no mining is called {name!r}: there are {', '.join(sorted(MINERS))}")
    build = MINERS[name]
    return None if build is None else build(margin, normalize)


class DistanceWeighted(nn.Module):
    """Negatives drawn with weight 1/q(d), where q is the density of distances between random points of the sphere.

    `q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2)` in D dimensions. Distances below `near` count as `near`, which bounds the
    weights; a negative at `far` or beyond is never drawn. An anchor without another negative has no triplet; each other
    anchor has as many as its class has views, with positives drawn at random.

    Ours, because the library's measures all weights of a batch by its largest one: in 512 dimensions a single near pair
    makes those of most other anchors vanish in float32, and their triplets with them.

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
        """Chance `(B, B)` that an anchor's negative is this one; a row sums to 1, or to 0 where there is none."""
        distances = distances_of(embeddings)
        bounded = distances.clamp(self.near, self.far)
        dim = embeddings.shape[1]
        logs = (2 - dim) * bounded.log() - (dim - 3) / 2 * torch.log1p(-bounded.square() / 4)
        allowed = (labels[:, None] != labels[None, :]) & (distances < self.far)
        return torch.softmax(logs.masked_fill(~allowed, -math.inf), dim=1).nan_to_num(0.0)


def triplets_as_drawn(embeddings: Tensor, labels: Tensor) -> Triplets:
    """Stand where a miner would for batches of `indexer.training.sampling.RandomTriplets`: every three rows are one."""
    anchors = torch.arange(0, len(labels), 3, device=labels.device)
    return anchors, anchors + 1, anchors + 2


@torch.no_grad()
def active_share(embeddings: Tensor, labels: Tensor, margin: float, *, normalize: bool = True) -> float:
    """Of all triplets that embeddings `(B, D)` with labels `(B,)` hold, the share that costs: d(a,p) + margin > d(a,n).

    In [0, 1]; 0 where there is no triplet. Takes memory for B x B distances, not for the triplets.
    """
    same = labels[:, None] == labels[None, :]
    distances = distances_of(embeddings, normalize=normalize)
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negatives = (~same).sum(dim=1, keepdim=True)
    triplets = int((positive * negatives).sum())
    if triplets == 0:
        return 0.0
    sorted_negatives = distances.masked_fill(same, math.inf).sort(dim=1).values
    costing = torch.searchsorted(sorted_negatives, distances + margin)
    return int((costing * positive).sum()) / triplets


def distances_of(embeddings: Tensor, *, normalize: bool = True) -> Tensor:
    """Euclidean distances `(B, B)` between embeddings, scaled to unit length first unless told not to.

    Exactly 0 between equal ones: without the shortcut over a matrix product, whose rounding leaves up to 1e-3 there.
    """
    rows = functional.normalize(embeddings.float()) if normalize else embeddings.float()
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
