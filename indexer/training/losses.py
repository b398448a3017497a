"""Losses by name; all are of pytorch-metric-learning, imported when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from indexer.training.mining import make_miner
from search.errors import DataError

if TYPE_CHECKING:
    from indexer.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What a loss may need to know."""

    margin: float
    classes: int
    dim: int


def _triplet(settings: LossSettings) -> nn.Module:
    """Distances are Euclidean, not squared, between unit vectors; the mean is over triplets that still cost."""
    from pytorch_metric_learning.losses import TripletMarginLoss

    loss: nn.Module = TripletMarginLoss(margin=settings.margin)
    return loss


def _normalized_softmax(settings: LossSettings) -> nn.Module:
    from pytorch_metric_learning.losses import NormalizedSoftmaxLoss

    loss = NormalizedSoftmaxLoss(settings.classes, settings.dim, temperature=0.05)
    # Columns of length 1: the library's are ten times longer, and Adam, whose steps know no scale, turns them ten
    # times more slowly.
    nn.init.normal_(loss.W, std=settings.dim**-0.5)
    softmax: nn.Module = loss
    return softmax


def _supcon(settings: LossSettings) -> nn.Module:
    from pytorch_metric_learning.losses import SupConLoss

    loss: nn.Module = SupConLoss(temperature=0.1)
    return loss


LOSSES: dict[str, Callable[[LossSettings], nn.Module]] = {
    "normalized-softmax": _normalized_softmax,
    "supcon": _supcon,
    "triplet": _triplet,
}
_MINED = frozenset({"triplet"})


def make_loss(name: str, settings: LossSettings) -> nn.Module:
    """Build a loss `(embeddings, labels, mined triplets or None) -> scalar`.

    Raises:
        DataError: an unknown name.
    """
    if name not in LOSSES:
        raise DataError(f"no loss is called {name!r}: there are {', '.join(sorted(LOSSES))}")
    return LOSSES[name](settings)


class Objective(nn.Module):
    """What training minimises: a loss over classes, and the same over pictures, where two views show one.

    During the warm-up another loss over classes stands in for the first.
    """

    def __init__(self, config: TrainConfig, classes: int) -> None:
        super().__init__()
        settings = LossSettings(config.margin, classes, int(config.network["dim"]))
        self.config = config
        self.by_class = make_loss(config.loss, settings)
        self.warmup = None if config.warmup_loss is None else make_loss(config.warmup_loss, settings)
        self.by_picture = make_loss("triplet", settings)
        self.warmup_by_picture = make_loss(config.warmup_instance_loss, settings)
        self._miner = make_miner(config.mining, config.margin)

    def forward(self, embeddings: Tensor, classes: Tensor, pictures: Tensor, progress: float) -> Tensor:
        """Scalar loss of `(B, D)` embeddings, `(B,)` classes and `(B,)` pictures, at a share `progress` of the run."""
        weight = self.config.instance_weight
        if self.warmup is not None and progress < self.config.warmup_share:
            loss = self.warmup(embeddings, classes)
            by_picture = ("", self.warmup_by_picture)
        else:
            loss = self._mined(self.config.loss, self.by_class, embeddings, classes)
            by_picture = ("triplet", self.by_picture)
        total: Tensor = loss + weight * self._mined(*by_picture, embeddings, pictures) if weight > 0 else loss
        return total

    def _mined(self, name: str, loss: nn.Module, embeddings: Tensor, labels: Tensor) -> Any:
        mined = self._miner(embeddings, labels) if name in _MINED and self._miner is not None else None
        return loss(embeddings, labels, mined)
