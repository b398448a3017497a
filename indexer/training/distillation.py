"""Agreement with a teacher: the student's embedding of a view against the teacher's of the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class AgreementLoss(nn.Module):
    """Two terms: the student points where the teacher does, and what is near for the teacher is near for the student.

    The first is one minus the cosine between the two. The second compares, for each view, how similar every other
    view of the batch is, as a softmax over the batch for teacher and student (Kullback-Leibler divergence): it shapes
    the order of neighbours, which is what a search uses, where the student cannot reach the teacher's direction.
    The teacher saw the whole picture, the student a crop of it, turned and recoloured: agreeing is also being
    indifferent to that.
    Source of the second: Fang et al., "SEED: Self-supervised Distillation for Visual Representation", ICLR 2021.
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, embeddings: Tensor, taught: Tensor) -> Tensor:
        """Scalar, from `(B, D)` and `(B, D)`; rows of zeros, pictures that the teacher never saw, do not count."""
        known = taught.abs().sum(dim=1) > 0
        if int(known.sum()) < 2:
            return embeddings.sum() * 0.0
        students = functional.normalize(embeddings[known].float())
        teachers = functional.normalize(taught[known].float())
        pointing = 1.0 - (students * teachers).sum(dim=1).mean()
        return pointing + functional.kl_div(
            self._neighbours(students), self._neighbours(teachers), reduction="batchmean", log_target=True
        )

    def _neighbours(self, units: Tensor) -> Tensor:
        """Logarithms `(B, B - 1)` of each view's softmax over the similarities of all others."""
        rows = len(units)
        others = ~torch.eye(rows, dtype=torch.bool, device=units.device)
        return functional.log_softmax((units @ units.T)[others].view(rows, rows - 1) / self.temperature, dim=1)
