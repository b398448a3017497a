"""Check that backpropagation through shared weights sums the gradients of the branches.

    python -m experiments.shared_weights

Runs in seconds, needs no data, and exits with an error if the check fails. Writes docs/results/shared_weights.md.
"""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

import torch

from experiments import branches
from experiments.branches import gradients
from experiments.options import parse
from experiments.page import figure, figure_path, table, write_page
from experiments.scatter import save_small
from indexer.plots.style import BLUE, MUTED, ORANGE, SMALL, head, new_figure, plain_axes
from search.encoders.networks import build_network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experiments.branches import Gradients

NAME = "shared_weights"
NETWORK = {"kind": "mlp", "size": 8, "widths": [16], "dim": 4}
PAIRS = 32
CLOSE = 1e-9
"""Relative tolerance between two ways to compute a gradient in float64."""
CLOSE_SLOPE = 1e-6
"""Relative tolerance of the difference quotient, whose own error is larger."""

MATHS = """
One network f with weights w embeds both pictures of a pair, and a cost L compares the embeddings a = f(x₁; w) and
b = f(x₂; w). Write L(f(x₁; w₁), f(x₂; w₂)) with a copy of the weights for each branch. The shared weights are the point
w₁ = w₂ = w, which moves along both copies at once, so by the chain rule

    ∂L/∂w = ∂L/∂w₁ + ∂L/∂w₂ = (∂a/∂w)ᵀ ∂L/∂a + (∂b/∂w)ᵀ ∂L/∂b.

Backpropagation runs through each branch as if it were alone, with the shared weights, and the results are added. This
is what autograd does when one module is called twice. A triplet has three terms. No branch is a copy of another, and
nothing has to be averaged or kept equal by hand.
"""


def check() -> dict[str, Gradients]:
    """Compute each cost's gradient in three ways on random pictures, in float64."""
    torch.manual_seed(0)
    network = build_network(NETWORK).double()
    pictures = [torch.randn(PAIRS, 3, 8, 8, dtype=torch.float64) for _ in range(3)]
    same = torch.arange(PAIRS) % 2 == 0
    return {
        "cosine": gradients(network, pictures[:2], lambda rows: branches.cosine(rows[0], rows[1], same)),
        "contrastive": gradients(network, pictures[:2], lambda rows: branches.contrastive(rows[0], rows[1], same)),
        "triplet": gradients(network, pictures, lambda rows: branches.triplet(*rows)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, draw the figure, and write the page."""
    options = parse(NAME, __doc__ or "", arguments)
    began = monotonic()
    found = check()
    wrong = [name for name, each in found.items() if not (each.gap < CLOSE and each.slope_gap < CLOSE_SLOPE)]
    if wrong:
        raise SystemExit(f"the gradient of shared weights is not the sum over the branches: {', '.join(wrong)}")
    draw(found, figure_path(f"{NAME}_sum", options.docs))
    rows = [
        [
            name,
            str(len(each.branches)),
            f"{each.gap:.1e}",
            f"{each.slope_gap:.1e}",
            ", ".join(f"{float(one.norm()) / float(each.shared.norm()):.2f}" for one in each.branches),
        ]
        for name, each in found.items()
    ]
    header = ["loss", "branches", "shared against sum", "shared against differences", "length of each branch's part"]
    weights = len(found["cosine"].shared)
    text = (
        f"A perceptron (`{NETWORK}`, {weights:,} weights) on {PAIRS} random pairs or triplets, in float64. The "
        "gradient is computed in three ways: by autograd through the shared weights; by autograd through two or three "
        "copies of them, summed; and, along a random direction, by a central "
        f"difference.\n\n{table(header, rows)}\n\nThe gaps are relative: the first to the largest entry of the "
        "gradient, the second to its length. Lengths are relative to that of the sum."
    )
    shown = figure(f"{NAME}_sum", "Every weight's gradient against the sum over branches lies on the diagonal")
    lead = "Why one set of weights can be trained through two branches at once, with a numerical check."
    sections = [("The maths", MATHS), ("The check", f"{text}\n\n{shown}")]
    minutes = (monotonic() - began) / 60
    write_page(NAME, "Backpropagation through shared weights", lead, sections, minutes, options.docs)


def draw(found: dict[str, Gradients], path: Path) -> None:
    """Draw the shared gradient of every weight over that of the first branch and over the sum."""
    drawing = new_figure(1400, 560)
    head(drawing, "Gradients of shared weights", "a point is a weight; in float64, random pictures")
    for place, (name, each) in enumerate(found.items()):
        axes = drawing.add_subplot(1, len(found), place + 1)
        plain_axes(axes, name, x="gradient as if in copies of the weights", y="gradient of shared weights")
        axes.scatter(each.branches[0], each.shared, s=4, color=ORANGE, linewidths=0, label="of the first branch")
        axes.scatter(each.summed, each.shared, s=4, color=BLUE, linewidths=0, label="summed over branches")
        axes.axline((0, 0), slope=1, color=MUTED, linewidth=0.7)
        axes.legend(fontsize=SMALL, loc="upper left", frameon=False)
    drawing.subplots_adjust(left=0.065, right=0.985, top=0.78, bottom=0.12, wspace=0.24)
    save_small(drawing, path)


if __name__ == "__main__":
    main(sys.argv[1:])
