"""The part of a network that stays as it is, computed once for every view of every picture and kept in files.

Fine-tuning the last stages of a network then costs a third of a pass a picture, and no picture is decoded twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from indexer.training.augment import augment
from search.chunks import chunks
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.preprocessing import squash
from search.files.writing import replaced
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.training.config import AugmentConfig
    from search.encoders.networks.efficientnet_lite import EfficientNetLite
    from search.types import Floats

_BATCH = 32


class Below(nn.Module):
    """The stages that stay frozen: normalised pictures `(B, 3, S, S)` to flat maps `(B, H * W * C)`, channels last."""

    def __init__(self, network: EfficientNetLite, stage: int) -> None:
        """Take all stages before `stage`, counted from 0."""
        super().__init__()
        self.stem, self.norm = network.trunk.conv_stem, network.trunk.bn1
        self.blocks = network.trunk.blocks[:stage]
        self.register_buffer("scale", network.scale)
        self.register_buffer("shift", network.shift)

    scale: Tensor
    shift: Tensor

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute the maps."""
        maps: Tensor = self.blocks(self.norm(self.stem(pictures * self.scale + self.shift)))
        return maps.permute(0, 2, 3, 1).flatten(1)


class Above(nn.Module):
    """The stages that are trained and the head: maps `(B, H, W, C)` to unit vectors `(B, dim)`.

    Batch normalisation keeps the statistics of the pretrained network, because a batch of a few classes has others.
    """

    head: nn.Linear

    def __init__(self, network: EfficientNetLite, stage: int) -> None:
        """Take the stages from `stage` on; the parameters are those of `network`."""
        super().__init__()
        self.blocks, self.last = network.trunk.blocks[stage:], nn.Sequential(network.trunk.conv_head, network.trunk.bn2)
        assert isinstance(network.head, nn.Linear)
        self.pools, self.head = network.pools, network.head
        self.eval()

    def train(self, mode: bool = True) -> Above:
        """Stay in evaluation mode."""
        return super().train(False)

    def pooled(self, maps: Tensor) -> Tensor:
        """Rows `(B, F)` before the head."""
        last = self.last(self.blocks(maps.permute(0, 3, 1, 2).float()))
        return torch.cat([functional.normalize(pool(last)) for pool in self.pools], dim=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Embed maps as they were cached."""
        return functional.normalize(self.head(self.pooled(maps)).float())


def computed(network: nn.Module, size: int, width: int) -> Callable[[NDArray[np.uint8]], Floats]:
    """A function that maps pictures `(B, size, size, 3) uint8` to the network's rows `(B, width) float32`.

    It is computed as the finished encoder is: in float32, and by OpenVINO where that is installed. In bfloat16 the rows
    of all pictures would err alike, and what is fitted to them would expect it.
    """
    encoder = CheckpointEncoder(network, {"kind": type(network).__name__}, name="part", input_size=size, dim=width)
    return encoder.forward


def cached(
    file: Path,
    paths: Sequence[Path],
    size: int,
    compute: Callable[[NDArray[np.uint8]], Floats],
    *,
    view: tuple[AugmentConfig, int] | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> NDArray[np.float16]:
    """Rows `(N, width) float16` of all pictures, memory-mapped from a file that is written first if it is missing.

    Args:
        file: where the rows are kept. A file with another number of rows is written again.
        paths: the pictures.
        size: pixels per side that `compute` takes.
        compute: the network.
        view: how a picture is altered, and the seed; None takes it as it is.
        advance: receives the number of pictures that were computed.

    Raises:
        PictureError: a picture cannot be read.
    """
    if file.is_file():
        rows: NDArray[np.float16] = np.load(file, mmap_mode="r", allow_pickle=False)
        if len(rows) == len(paths):
            return rows
    first: Floats | None = None
    generator = torch.Generator().manual_seed(0 if view is None else view[1])
    with replaced(file) as stream:
        for batch in chunks(paths, _BATCH):
            squares = np.stack([squash(load_picture(path, target=size), size) for path in batch])
            if view is not None:
                views = augment(torch.from_numpy(squares), size, view[0], generator)
                squares = views.mul(255.0).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
            computed_rows = compute(squares)
            if first is None:
                first = computed_rows
                header = {"descr": "<f2", "fortran_order": False, "shape": (len(paths), first.shape[1])}
                np.lib.format.write_array_header_1_0(stream, header)
            stream.write(computed_rows.astype("<f2").tobytes())
            advance(len(batch))
    mapped: NDArray[np.float16] = np.load(file, mmap_mode="r", allow_pickle=False)
    return mapped
