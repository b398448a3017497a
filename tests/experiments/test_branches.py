"""The gradients of shared weights, and derivatives by hand."""

import pytest
import torch
from torch import nn

from experiments import branches
from experiments.branches import gradients
from experiments.shared_weights import CLOSE, CLOSE_SLOPE, check


@pytest.mark.parametrize("name", ["cosine", "contrastive", "triplet"])
def test_the_gradient_of_shared_weights_is_the_sum_over_the_branches(name: str) -> None:
    found = check()[name]
    assert len(found.branches) == (3 if name == "triplet" else 2)
    assert float(found.shared.norm()) > 0.01
    assert found.gap < CLOSE
    assert found.slope_gap < CLOSE_SLOPE
    for branch in found.branches:  # no single branch has this gradient
        assert float((branch - found.shared).norm()) > 0.1 * float(found.shared.norm())


def test_one_weight_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        network.weight.fill_(0.5)
    one, other = torch.tensor([[3.0]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
    found = gradients(network, [one, other], lambda rows: branches.contrastive(*rows, torch.tensor([True])))
    # L = (w a - w b)^2 / 2 with w = 1/2, a = 3, b = 1: dL/dw = w (a - b)^2 = 2, by branch w (a - b) a and w (b - a) b.
    assert float(found.shared) == pytest.approx(2.0)
    assert [float(each) for each in found.branches] == pytest.approx([3.0, -1.0])


def test_the_losses_by_hand() -> None:
    one, other = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.5]])
    same = torch.tensor([True, False])
    assert float(branches.cosine(one, other, same)) == pytest.approx((1.0 + 1.0) / 2)
    assert float(branches.contrastive(one, other, same)) == pytest.approx((2.0 / 2 + 0.5**2 / 2) / 2)
    assert float(branches.triplet(one, other, other + 2)) == pytest.approx(
        sum(max(0.0, float((a - p).norm() - (a - p - 2).norm()) + 1) for a, p in zip(one, other, strict=True)) / 2
    )
