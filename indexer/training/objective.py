"""The training objective: a weighted sum of losses over classes, over pictures, and against a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from indexer.training.losses import MINED, LossSettings, make_loss
from indexer.training.mining import make_miner, triplets_as_drawn

if TYPE_CHECKING:
    from indexer.training.batches import Batch
    from indexer.training.config import TrainConfig


class Objective(nn.Module):
    """A loss over classes, a loss over pictures (two views of one picture are a positive pair), and distillation.

    The warm-up uses other losses over classes and pictures.
    """

    def __init__(self, config: TrainConfig, classes: int) -> None:
        super().__init__()
        settings = LossSettings(config.margin, classes, int(config.network["dim"]), config.normalize)
        self.config = config
        self.by_class = make_loss(config.loss, settings)
        self.warmup = None if config.warmup_loss is None else make_loss(config.warmup_loss, settings)
        self.by_picture = None if config.instance_weight == 0 else make_loss(config.instance_loss, settings)
        self.warmup_by_picture = None
        if config.instance_weight > 0 and self.warmup is not None:
            self.warmup_by_picture = make_loss(config.warmup_instance_loss, settings)
        self.distillation = DistillationLoss()
        drawn = config.sampling == "random-triplets"
        self._miner = (
            triplets_as_drawn if drawn else make_miner(config.mining, config.margin, normalize=config.normalize)
        )

    def forward(self, embeddings: Tensor, batch: Batch, progress: float) -> Tensor:
        """Scalar loss of the embeddings `(B, D)` of a batch, after a share `progress` of the run."""
        config = self.config
        warming = self.warmup is not None and progress < config.warmup_share
        total = embeddings.new_zeros(())
        if config.class_weight > 0:
            names = (config.warmup_loss, self.warmup) if warming else (config.loss, self.by_class)
            total = total + config.class_weight * self._mined(*names, embeddings, batch.classes)
        if config.instance_weight > 0:
            names = (
                (config.warmup_instance_loss, self.warmup_by_picture)
                if warming
                else (config.instance_loss, self.by_picture)
            )
            total = total + config.instance_weight * self._mined(*names, embeddings, batch.pictures)
        if batch.teacher is not None:
            total = total + config.teacher_weight * self.distillation(embeddings, batch.teacher)
        return total

    def _mined(self, name: str | None, loss: nn.Module | None, embeddings: Tensor, labels: Tensor) -> Any:
        assert loss is not None
        mined = self._miner(embeddings, labels) if name in MINED and self._miner is not None else None
        return loss(embeddings, labels, mined)


class DistillationLoss(nn.Module):
    """Make the student's embedding of a view agree with the teacher's embedding of the whole picture.

    The first term is one minus the cosine between the two. The second compares, for each view, the similarities to all
    other views of the batch, as a softmax for the student and one for the teacher (Kullback-Leibler divergence). It
    shapes the order of neighbours, which search depends on, even if the student cannot reach the teacher's direction.
    The teacher embeds the whole picture, the student an augmented crop, so that agreement also teaches invariance to
    the augmentation.
    Source of the second term: Fang et al., "SEED: Self-supervised Distillation for Visual Representation", ICLR 2021.
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, embeddings: Tensor, teacher: Tensor) -> Tensor:
        """Scalar loss of `(B, D)` and `(B, D)`; rows of zeros, pictures that the teacher does not have, are ignored."""
        known = teacher.abs().sum(dim=1) > 0
        if int(known.sum()) < 2:
            return embeddings.sum() * 0.0
        students = functional.normalize(embeddings[known].float())
        teachers = functional.normalize(teacher[known].float())
        direction = 1.0 - (students * teachers).sum(dim=1).mean()
        return direction + functional.kl_div(
            self._log_neighbours(students), self._log_neighbours(teachers), reduction="batchmean", log_target=True
        )

    def _log_neighbours(self, units: Tensor) -> Tensor:
        """Logarithms `(B, B - 1)` of each view's softmax over the similarities to all others."""
        rows = len(units)
        others = ~torch.eye(rows, dtype=torch.bool, device=units.device)
        return functional.log_softmax((units @ units.T)[others].view(rows, rows - 1) / self.temperature, dim=1)
