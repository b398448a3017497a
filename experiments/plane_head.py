"""Fit a small head that maps an embedding into the plane, without changing the network.

Every class gets a point on a circle, and the head learns to map its pictures there. 5-NN accuracy in the plane on 5,000
validation digits after 2,000 batches: random triplets 0.9894, with more noise 0.9908; points on a circle 0.9914, with
more noise 0.9932, with twice that noise 0.9910.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.runs import Embedded

HIDDEN = 64
BATCH = 768
RATE = 3e-3
RADIUS = 3.0
SHARPNESS = 8.0
"""Factor from squared distances to logits."""
NOISE = 1.0
"""Standard deviation of the noise added to embeddings in training, relative to that of their coordinates. Without
noise the head would get hardly any embeddings between two classes."""


class PlaneHead(nn.Module):
    """A network `(B, D) -> (B, 2)` with one hidden layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))

    def forward(self, vectors: Tensor) -> Tensor:
        """Map embeddings `(B, D)` into the plane."""
        places: Tensor = self.layers(vectors)
        return places

    @torch.inference_mode()
    def place(self, of: Embedded) -> Embedded:
        """The same pictures in the plane."""
        return Embedded(self(torch.from_numpy(of.vectors)).numpy(), of.labels)


def circle(classes: int) -> Tensor:
    """Points `(C, 2)` of the classes, in order around a circle."""
    angles = 2 * math.pi * torch.arange(classes) / classes
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def fit_plane(train: Embedded, *, steps: int = 4000, seed: int = 0) -> PlaneHead:
    """Fit a head on embedded training pictures with cross-entropy on squared distances to the points of the classes."""
    random = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = PlaneHead(train.vectors.shape[1])
        places = circle(int(train.labels.max()) + 1)
        optimizer = torch.optim.Adam(head.parameters(), lr=RATE)
        noise = NOISE * float(np.std(train.vectors))
        for step in range(steps):
            rows = random.integers(0, len(train.labels), BATCH)
            vectors, labels = torch.from_numpy(train.vectors[rows]), torch.from_numpy(train.labels[rows])
            mapped = head(vectors + noise * torch.randn(vectors.shape))
            cost = functional.cross_entropy(-SHARPNESS * torch.cdist(mapped, places).square(), labels)
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimizer.zero_grad()
            torch.autograd.backward(cost)
            optimizer.step()
    return head.eval()
