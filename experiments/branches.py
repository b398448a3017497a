"""Compute the gradient of shared weights, and the gradient of each branch with its own copy of the weights.

A siamese network applies one function f with weights w to each of its inputs, with the loss L(f(x1; w), f(x2; w), ...).
Give every branch its own copy w1, w2, ... of the weights, all equal to w. By the chain rule

    dL/dw = sum over the branches i of dL/dwi, at w1 = w2 = ... = w,

because L depends on w only through the branches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Cost = Callable[..., Tensor]
"""Function of the branches' embeddings, each `(B, D)`, and of the same pairs `(B,) bool`, to a scalar."""


def cosine(one: Tensor, other: Tensor, same: Tensor) -> Tensor:
    """`1 - cos` for same pairs, `max(0, cos)` for different ones; the mean.

    Source: Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", NIPS 1993.
    """
    cosines = functional.cosine_similarity(one, other)
    return torch.where(same, 1 - cosines, cosines.clamp(min=0)).mean()


def contrastive(one: Tensor, other: Tensor, same: Tensor) -> Tensor:
    """`d^2 / 2` for same pairs, `max(0, 1 - d)^2 / 2` for different ones, d Euclidean; the mean.

    Source: Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    distances = (one - other).norm(dim=1)
    return (torch.where(same, distances, (1 - distances).clamp(min=0)) ** 2 / 2).mean()


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """`max(0, d(a,p) - d(a,n) + 1)`, d Euclidean; the mean."""
    to_positive, to_negative = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
    cost: Tensor = (to_positive - to_negative + 1).clamp(min=0).mean()
    return cost


@dataclass(frozen=True, slots=True)
class Gradients:
    """Gradients of one cost, all weights in one row `(W,)`."""

    shared: Tensor
    branches: list[Tensor]
    slope: float
    """Slope of the cost along `direction`, by a central difference."""
    direction: Tensor

    @property
    def summed(self) -> Tensor:
        """Sum of the gradients of the branches."""
        return torch.stack(self.branches).sum(dim=0)

    @property
    def gap(self) -> float:
        """Largest difference between shared and summed, relative to the largest entry."""
        return float((self.shared - self.summed).abs().max() / self.shared.abs().max())

    @property
    def slope_gap(self) -> float:
        """Difference between the slope and the gradient along the direction, relative to the gradient's length."""
        return abs(self.slope - float(self.shared @ self.direction)) / float(self.shared.norm())


def gradients(network: nn.Module, inputs: list[Tensor], cost: Callable[[list[Tensor]], Tensor]) -> Gradients:
    """Compute the gradient of `cost(embeddings of the inputs)` in three ways: shared, by branch, by differences."""
    shared = _gradient([network], lambda: cost([network(each) for each in inputs]))[0]
    copies = [copy.deepcopy(network) for _ in inputs]
    branches = _gradient(copies, lambda: cost([one(each) for one, each in zip(copies, inputs, strict=True)]))
    direction = torch.randn(len(shared), dtype=shared.dtype, generator=torch.Generator().manual_seed(0))
    direction = direction / direction.norm()
    step = 1e-6
    ahead, behind = (
        _moved(network, size * direction, lambda one: cost([one(each) for each in inputs])) for size in (step, -step)
    )
    return Gradients(shared, branches, (ahead - behind) / (2 * step), direction)


def _gradient(networks: list[nn.Module], cost: Callable[[], Tensor]) -> list[Tensor]:
    for network in networks:
        network.zero_grad()
    cost().backward()  # type: ignore[no-untyped-call]
    rows = []
    for network in networks:
        parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in network.parameters()]
        rows.append(torch.cat([part.flatten() for part in parts]).clone())
    return rows


@torch.no_grad()
def _moved(network: nn.Module, move: Tensor, cost: Callable[[nn.Module], Tensor]) -> float:
    other = copy.deepcopy(network)
    vector = nn.utils.parameters_to_vector(other.parameters())
    nn.utils.vector_to_parameters(vector + move, other.parameters())
    return float(cost(other))
