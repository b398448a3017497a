"""Measure a network on the validation pictures, which it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from indexer.metrics.retrieval import retrieval
from indexer.training.augment import augment
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from indexer.training.config import AugmentConfig
    from search.types import Floats

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures of a network, all in [0, 1]."""

    recall_at_1: float | None
    """None without labels."""
    map_at_r: float | None
    copies_found: float


class Validator:
    """Measures networks on a fixed set of pictures and one altered copy of each."""

    def __init__(
        self,
        squares: NDArray[np.uint8],
        labels: Sequence[str] | None,
        config: AugmentConfig | None,
        device: torch.device,
        *,
        normalize: bool = True,
    ) -> None:
        """Make the altered copies of `squares (N, S, S, 3)` once, with the augmentation of training and a fixed seed.

        Without `labels` only copies are searched for. `normalize` is that of `TrainConfig`: false measures distances
        between unscaled embeddings.
        """
        self.labels = labels
        self.device = device
        self.normalize = normalize
        self.originals = torch.from_numpy(np.ascontiguousarray(squares))
        size = squares.shape[1]
        generator = torch.Generator().manual_seed(0)
        copies = [augment(part, size, config, generator) for part in torch.split(self.originals, _BATCH)]
        self.copies = (torch.cat(copies) * 255).round().byte().permute(0, 2, 3, 1).contiguous()

    def __call__(self, network: nn.Module) -> Validation:
        """Measure a network on its device; its training mode is restored afterwards."""
        training = network.training
        network.eval()
        originals, copies = self._embed(network, self.originals), self._embed(network, self.copies)
        network.train(training)
        similarity = copies @ originals.T if self.normalize else -torch.cdist(copies, originals)
        copies_found = float((similarity.argmax(dim=1).numpy() == np.arange(len(originals))).mean())
        if self.labels is None:
            return Validation(None, None, copies_found)
        figures = retrieval(originals.numpy(), self.labels, ks=(1,), unit=self.normalize)
        return Validation(figures.recall_at[1], figures.map_at_r, copies_found)

    def embed(self, network: nn.Module) -> Floats:
        """Unit rows `(N, D) float32` of the validation pictures, from a network in evaluation mode."""
        return functional.normalize(self._embed(network, self.originals)).numpy()

    @torch.inference_mode()
    def _embed(self, network: nn.Module, squares: Tensor) -> Tensor:
        device = next(network.parameters()).device
        parts = [
            network(normalised(part.to(device).permute(0, 3, 1, 2).float() / 255.0))
            for part in torch.split(squares, _BATCH)
        ]
        rows = torch.cat(parts)
        return (functional.normalize(rows) if self.normalize else rows).cpu()


def normalised(views: Tensor) -> Tensor:
    """Pictures `(B, 3, H, W)` in [0, 1], normalised by ImageNet's mean and standard deviation for the network."""
    mean = torch.tensor(IMAGENET_MEAN, device=views.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=views.device).view(1, 3, 1, 1)
    return ((views - mean) / std).contiguous(memory_format=torch.channels_last)
