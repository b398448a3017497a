"""How good the network is right now, on pictures of classes that it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from indexer.metrics import retrieval
from indexer.training.augment import augment
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from indexer.training.config import AugmentConfig

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Validation:
    """Both in [0, 1]."""

    recall_at_1: float
    copies_found: float


class Validator:
    """Watches a fixed set of pictures and one altered copy of each."""

    def __init__(
        self, squares: NDArray[np.uint8], labels: Sequence[str], config: AugmentConfig, device: torch.device
    ) -> None:
        """Make the copies of `squares (N, S, S, 3)` once, by the training's own alterations under a fixed seed."""
        self.labels = labels
        self.device = device
        self.originals = torch.from_numpy(np.ascontiguousarray(squares))
        size = squares.shape[1]
        generator = torch.Generator().manual_seed(0)
        copies = [augment(part, size, config, generator) for part in torch.split(self.originals, _BATCH)]
        self.copies = (torch.cat(copies) * 255).round().byte().permute(0, 2, 3, 1).contiguous()

    def __call__(self, network: nn.Module) -> Validation:
        """Measure, and leave the network in training mode."""
        network.eval()
        originals, copies = self._embed(network, self.originals), self._embed(network, self.copies)
        network.train()
        found = (copies @ originals.T).argmax(dim=1).numpy() == np.arange(len(originals))
        recall = retrieval(originals.numpy(), self.labels, ks=(1,)).recall_at[1]
        return Validation(recall, float(found.mean()))

    @torch.inference_mode()
    def _embed(self, network: nn.Module, squares: Tensor) -> Tensor:
        parts = [
            network(normalised(part.to(self.device).permute(0, 3, 1, 2).float() / 255.0))
            for part in torch.split(squares, _BATCH)
        ]
        return functional.normalize(torch.cat(parts)).cpu()


def normalised(views: Tensor) -> Tensor:
    """Pictures `(B, 3, H, W)` in [0, 1] as the network takes them."""
    mean = torch.tensor(IMAGENET_MEAN, device=views.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=views.device).view(1, 3, 1, 1)
    return ((views - mean) / std).contiguous(memory_format=torch.channels_last)
