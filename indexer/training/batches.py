"""Make the batch of a step: sample pictures, augment them, move them to the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from indexer.training.augment import augment
from indexer.training.sampling import make_sampler
from indexer.training.validation import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from indexer.training.config import TrainConfig

_DEVICE_SHARE = 0.5
"""Share of a GPU's free memory that the pictures may use; a larger collection stays in the machine's memory."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Normalised `views (B, 3, T, T)` for the network, with the class and the picture of each."""

    views: Tensor
    classes: Tensor
    """`(B,)`, class numbers."""
    pictures: Tensor
    """`(B,)`, picture numbers; two views of one picture have the same."""
    teacher: Tensor | None = None
    """`(B, dim)`, the teacher's embeddings of the pictures; None without a teacher."""


class BatchMaker:
    """Makes the batch of a step from `(seed, step)` alone, independent of earlier batches."""

    def __init__(
        self,
        squares: NDArray[np.uint8],
        rows: NDArray[np.int64],
        classes: NDArray[np.int64],
        config: TrainConfig,
        device: torch.device,
        teacher: NDArray[np.float16] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Take `squares (M, S, S, 3)`, possibly memory-mapped, the `rows (N,)` of them to use, and their classes.

        `teacher (N, dim)` are a teacher's embeddings of the same pictures; `names` are the class names, by number.
        """
        self._classes, names = oriented_classes(classes, names, config.class_orientations)
        self.sampler = make_sampler(config, self._classes, names)
        self.config = config
        self.device = device
        self._rows = rows
        self._squares = squares
        self._teacher = teacher
        self._resident = torch.from_numpy(np.array(squares)).to(device) if _fits(squares, device) else None

    def make(self, step: int, size: int) -> Batch:
        """Sample, augment to views of `size` pixels, normalise; `step` counts from 0."""
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
            None if self._teacher is None else torch.from_numpy(self._teacher[pictures]).to(self.device).float(),
        )

    def _pixels(self, rows: NDArray[np.int64]) -> Tensor:
        if self._resident is not None:
            return self._resident[torch.from_numpy(rows).to(self.device)]
        return torch.from_numpy(self._squares[rows]).to(self.device)


def oriented_classes(
    classes: NDArray[np.int64], names: Sequence[str], orientations: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn classes into `orientations` times as many: a letter that lies on its side is another letter.

    Orientation `o` of class `c` of C has the number `o * C + c`. Its folder differs too, so that a batch drawn by
    folder holds the classes of one folder in one orientation.
    Source: Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks", ICML 2016, which rotated the
    characters of Omniglot this way.

    Returns:
        `(orientations * N,)` the classes of all pictures unchanged, then of all rotated once, and so on; their names.
    """
    if orientations == 1:
        return classes, tuple(names)
    count = len(names) or int(classes.max(initial=-1)) + 1
    numbers = np.concatenate([classes + count * orientation for orientation in range(orientations)])
    return numbers, tuple(f"{orientation}/{name}" for orientation in range(orientations) for name in names)


def oriented(pixels: Tensor, orientations: Tensor) -> Tensor:
    """Rotate each of `(B, S, S, 3)` by its orientation `(B,)`: 0 to 3 quarter turns; from 4 on mirrored first."""
    if not bool(orientations.any()):
        return pixels
    rotated = pixels.clone()
    for orientation in range(1, int(orientations.max()) + 1):
        rows = torch.nonzero(orientations == orientation).flatten()
        part = pixels[rows].flip(2) if orientation >= 4 else pixels[rows]
        rotated[rows] = torch.rot90(part, orientation % 4, dims=(1, 2))
    return rotated


def _fits(squares: NDArray[np.uint8], device: torch.device) -> bool:
    return device.type == "cuda" and squares.nbytes < _DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]


def seed_of(seed: int, step: int) -> int:
    """A 63-bit seed for torch from (seed, step), so that neighbouring pairs give unrelated numbers."""
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint64)[0] >> np.uint64(1))
