"""Losses by name, most of them pytorch-metric-learning's; each file is imported when one of its losses is asked for.

All look at directions alone, that is, at embeddings scaled to unit length, except `softmax`, and those of `UNSCALED`
where they are told not to scale. Library defaults are kept
where the literature found them good, replaced where not; what was changed and why stands with each loss. Small
differences between losses are within the noise of their settings:

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
    """What a loss may need to know."""

    margin: float
    """What it means, and whether it is used, stands with each loss."""
    classes: int
    dim: int
    normalize: bool = True
    """False: distances are between embeddings as they are, for the losses of `UNSCALED`."""


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
"""Name to `file:function` of this package; the function takes `LossSettings` and gives the loss."""

MINED = frozenset(
    {"triplet", "triplet-adapted", "triplet-cosine", "triplet-mean", "triplet-soft", "triplet-soft-cosine"}
)
"""Losses over triplets, which take what `indexer.training.mining` chose."""

CLASSIFIERS = frozenset({"arcface", "normalized-softmax", "proxy-anchor", "softmax"})
"""Losses that learn weights for each class beside the network, and so know no labels but the classes."""

UNSCALED = frozenset({"contrastive", "softmax", "triplet", "triplet-adapted", "triplet-mean", "triplet-soft"})
"""Losses that make sense between embeddings of any length: by Euclidean distance, or by a layer of their own."""


def make_loss(name: str, settings: LossSettings) -> nn.Module:
    """Build a loss `(embeddings (B, D), labels (B,), mined triplets or None) -> scalar`.

    A batch that holds none of the pairs or triplets that a loss looks at costs 0, with a gradient of zeros.

    Raises:
        DataError: an unknown name, a margin that this loss cannot have, or embeddings of any length where this loss
            looks at directions.
    """
    if name not in LOSSES:
        raise DataError(f"no loss is called {name!r}: there are {', '.join(sorted(LOSSES))}")
    if not settings.normalize and name not in UNSCALED:
        raise DataError(
            f"normalize false: {name} looks at directions alone. Leave it true, or take one of "
            f"{', '.join(sorted(UNSCALED))}"
        )
    file, function = LOSSES[name].split(":")
    loss: nn.Module = getattr(import_module(f"{__name__}.{file}"), function)(settings)
    return loss
