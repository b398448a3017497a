"""A moving average of the weights: less noisy than the last weights, and often better."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class MovingAverage:
    """Follows a network: `average = decay * average + (1 - decay) * weights` after every step.

    The decay rises with the steps, `min(decay, (1 + n) / (10 + n))`, so that the random beginning is soon forgotten.
    Counts of batch norm are copied; its running means and variances are averaged like weights.
    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the rising decay is
    that of TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Take one step, the `step`-th from 1, toward `network`."""
        share = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        averages: list[Tensor] = []
        weights: list[Tensor] = []
        for average, weight in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                averages.append(average)
                weights.append(weight)
            else:
                average.copy_(weight)
        torch._foreach_lerp_(averages, weights, share)
