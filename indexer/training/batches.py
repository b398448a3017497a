"""The batch of a step: sampled, altered, on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from indexer.training.augment import augment
from indexer.training.orientations import oriented, oriented_classes
from indexer.training.sampling import make_sampler
from indexer.training.validation import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from indexer.training.config import TrainConfig

_DEVICE_SHARE = 0.5
"""Of a GPU's free memory, what the pictures may take; more stays in the machine's memory."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`views (B, 3, T, T)` as the network takes them, with what is known of each."""

    views: Tensor
    classes: Tensor
    """`(B,)`, by number."""
    pictures: Tensor
    """`(B,)`, by number: two views of one picture share it."""
    taught: Tensor | None = None
    """`(B, T)`: the teacher's embeddings of the pictures, where there is a teacher."""


class BatchMaker:
    """Makes the batch of a step from `(seed, step)` alone, whatever was made before."""

    def __init__(
        self,
        squares: NDArray[np.uint8],
        rows: NDArray[np.int64],
        classes: NDArray[np.int64],
        config: TrainConfig,
        device: torch.device,
        taught: NDArray[np.float16] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Take `squares (M, S, S, 3)`, perhaps mapped from a file, the `rows (N,)` of them to use and their classes.

        `taught (N, T)` are a teacher's embeddings of the same pictures; `names` are those of the classes, by number.
        """
        self._classes, names = oriented_classes(classes, names, config.class_orientations)
        self.sampler = make_sampler(config, self._classes, names)
        self.config = config
        self.device = device
        self._rows = rows
        self._squares = squares
        self._taught = taught
        self._resident = torch.from_numpy(np.array(squares)).to(device) if _fits(squares, device) else None

    def make(self, step: int, size: int) -> Batch:
        """Sample, alter to views of `size` pixels, normalise; `step` counts from 0."""
        chosen = self.sampler.batch(step)
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, step))
        orientations, pictures = np.divmod(chosen, len(self._rows))
        pixels = oriented(self._pixels(self._rows[pictures]), torch.from_numpy(orientations).to(self.device))
        classes = torch.from_numpy(self._classes[chosen])
        views = augment(pixels, size, self.config.augment, generator, classes)
        return Batch(
            normalised(views),
            classes.to(self.device),
            torch.from_numpy(chosen).to(self.device),
            None if self._taught is None else torch.from_numpy(self._taught[pictures]).to(self.device).float(),
        )

    def _pixels(self, rows: NDArray[np.int64]) -> Tensor:
        if self._resident is not None:
            return self._resident[torch.from_numpy(rows).to(self.device)]
        return torch.from_numpy(self._squares[rows]).to(self.device)


def _fits(squares: NDArray[np.uint8], device: torch.device) -> bool:
    return device.type == "cuda" and squares.nbytes < _DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]


def seed_of(seed: int, step: int) -> int:
    """Spread neighbouring (seed, step) pairs far apart; torch takes 64 bits."""
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint64)[0] >> np.uint64(1))
