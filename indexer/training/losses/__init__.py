"""Losses by name, most of them from pytorch-metric-learning; a file is imported when one of its losses is used.

All scale embeddings to unit length, except `softmax`, and those of `UNSCALED` if `normalize` is false. The library's
defaults are kept where the literature supports them; each loss documents what differs and why. Small differences
between losses are within the noise of their settings:

Source: Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020; Hermans, Beyer, Leibe, "In Defense of the
Triplet Loss for Person Re-Identification", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from torch import nn

from search.errors import DataError


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Parameters that losses are built from."""

    margin: float
    """Its meaning, if the loss uses it, is documented with each loss."""
    classes: int
    dim: int
    normalize: bool = True
    """If false, distances are between unscaled embeddings; only for the losses of `UNSCALED`."""


LOSSES = {
    "angular": "pairs:angular",
    "arcface": "classifiers:arcface",
    "contrastive": "pairs:contrastive",
    "cosine-embedding": "pairs:cosine_embedding",
    "multi-similarity": "pairs:multi_similarity",
    "normalized-softmax": "classifiers:normalized_softmax",
    "proxy-anchor": "classifiers:proxy_anchor",
    "softmax": "classifiers:softmax",
    "supcon": "pairs:supcon",
    "triplet": "triplets:triplet",
    "triplet-adapted": "triplets:triplet_adapted",
    "triplet-cosine": "triplets:triplet_cosine",
    "triplet-mean": "triplets:triplet_mean",
    "triplet-soft": "triplets:triplet_soft",
    "triplet-soft-cosine": "triplets:triplet_soft_cosine",
}
"""Name to `file:function` of this package; the function takes `LossSettings` and returns the loss."""

MINED = frozenset(
    {"triplet", "triplet-adapted", "triplet-cosine", "triplet-mean", "triplet-soft", "triplet-soft-cosine"}
)
"""Losses over triplets, which use the triplets chosen by `indexer.training.mining`."""

CLASSIFIERS = frozenset({"arcface", "normalized-softmax", "proxy-anchor", "softmax"})
"""Losses that learn weights for each class, so that their labels can only be the classes."""

UNSCALED = frozenset({"contrastive", "softmax", "triplet", "triplet-adapted", "triplet-mean", "triplet-soft"})
"""Losses that support unscaled embeddings: they use Euclidean distances, or a linear layer."""


def make_loss(name: str, settings: LossSettings) -> nn.Module:
    """Build a loss `(embeddings (B, D), labels (B,), mined triplets or None) -> scalar`.

    A batch without any of the pairs or triplets that a loss uses has loss 0, with a gradient of zeros.

    Raises:
        DataError: an unknown name, a margin that is invalid for this loss, or `normalize` false for a loss that needs
            unit vectors.
    """
    if name not in LOSSES:
        raise DataError(f"loss: unknown loss {name!r}. Use one of {', '.join(sorted(LOSSES))}")
    if not settings.normalize and name not in UNSCALED:
        raise DataError(
            f"normalize false: {name} needs unit vectors. Set normalize to true, or use one of "
            f"{', '.join(sorted(UNSCALED))}"
        )
    file, function = LOSSES[name].split(":")
    loss: nn.Module = getattr(import_module(f"{__name__}.{file}"), function)(settings)
    return loss
