"""A moving average of the weights: less noisy than the last weights, and often better."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch.optim.swa_utils import AveragedModel

if TYPE_CHECKING:
    from torch import Tensor, nn

    Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]


class MovingAverage:
    """Follows a network: `average = decay * average + (1 - decay) * weights` after every step.

    The decay rises with the steps, `min(decay, (1 + n) / (10 + n))`, so that the random beginning is soon forgotten.
    Counts of batch norm are copied; its running means and variances are averaged like weights.
    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the rising decay is
    that of TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._share = 1.0
        self._averaged = AveragedModel(network, multi_avg_fn=self._approach, use_buffers=True)
        self._averaged.eval().requires_grad_(False)

    @property
    def network(self) -> nn.Module:
        """The averaged network, in evaluation mode."""
        averaged: nn.Module = self._averaged.module
        return averaged

    def follow(self, network: nn.Module, step: int) -> None:
        """Take one step, the `step`-th from 1, toward `network`."""
        self._share = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        # At 0 the first step would copy the network. A checkpoint holds the averaged network alone: the trainer knows
        # the step.
        self._averaged.n_averaged.fill_(step)
        self._averaged.update_parameters(network)

    @torch.no_grad()
    def _approach(self, averages: Tensors, weights: Tensors, _: Tensor | int) -> None:
        """Move tensors of one type; PyTorch's own rule would round counts down to whole numbers as it averages them."""
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, self._share)
        else:
            torch._foreach_copy_(averages, weights)
