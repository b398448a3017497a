"""Classes turned and mirrored into further classes: a letter that lies on its side is another letter.

Source: Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks", ICML 2016, which turned the characters of
Omniglot so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def oriented_classes(
    classes: NDArray[np.int64], names: Sequence[str], orientations: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Classes `(orientations * N,)` and their names: of all pictures as they are, then of all turned once, and so on.

    Orientation `o` of class `c` of C has the number `o * C + c`. Its folder is told apart too, so that a batch drawn by
    folder shows classes of one folder in one orientation.
    """
    if orientations == 1:
        return classes, tuple(names)
    count = len(names) or int(classes.max(initial=-1)) + 1
    numbers = np.concatenate([classes + count * orientation for orientation in range(orientations)])
    return numbers, tuple(f"{orientation}/{name}" for orientation in range(orientations) for name in names)


def oriented(pixels: Tensor, orientations: Tensor) -> Tensor:
    """Turn pictures `(B, S, S, 3)` each by its orientation `(B,)`: 0 to 3 quarter turns, from 4 on mirrored before."""
    if not bool(orientations.any()):
        return pixels
    turned = pixels.clone()
    for orientation in range(1, int(orientations.max()) + 1):
        rows = torch.nonzero(orientations == orientation).flatten()
        part = pixels[rows].flip(2) if orientation >= 4 else pixels[rows]
        turned[rows] = torch.rot90(part, orientation % 4, dims=(1, 2))
    return turned
