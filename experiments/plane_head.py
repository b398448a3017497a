"""A small head that lays an embedding out in the plane, by triplets, the network under it left as it is."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from experiments.runs import Embedded
from indexer.training.losses import LossSettings, make_loss
from indexer.training.mining import triplets_as_drawn
from indexer.training.sampling import RandomTriplets

HIDDEN = 64
TRIPLETS = 256
RATE = 3e-3
NOISE = 0.3
"""Deviation of what is added to an embedding in training, relative to that of its coordinates: without it the head
would see hardly any picture between two classes."""


class PlaneHead(nn.Module):
    """`(B, D) -> (B, 2)`: one hidden layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Lay out `(B, D)`."""
        places: torch.Tensor = self.layers(vectors)
        return places

    @torch.inference_mode()
    def place(self, of: Embedded) -> Embedded:
        """The same pictures in the plane."""
        return Embedded(self(torch.from_numpy(of.vectors)).numpy(), of.labels)


def fit_plane(train: Embedded, *, steps: int = 4000, seed: int = 0) -> PlaneHead:
    """Fit a head on embedded training pictures: random triplets, margin 1, distances of the plane as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = PlaneHead(train.vectors.shape[1])
        loss = make_loss(
            "triplet", LossSettings(margin=1.0, classes=int(train.labels.max()) + 1, dim=2, normalize=False)
        )
        sampler = RandomTriplets(train.labels, triplets=TRIPLETS, seed=seed)
        optimizer = torch.optim.Adam(head.parameters(), lr=RATE)
        noise = NOISE * float(np.std(train.vectors))
        for step in range(steps):
            rows = sampler.batch(step)
            vectors, labels = torch.from_numpy(train.vectors[rows]), torch.from_numpy(train.labels[rows])
            places = head(vectors + noise * torch.randn(vectors.shape))
            cost = loss(places, labels, triplets_as_drawn(places, labels))
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
    return head.eval()
