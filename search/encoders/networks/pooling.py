"""Pool a map over its positions to one vector per picture, `(B, C, H, W) -> (B, C)`, or a picture to a smaller one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Mean(nn.Module):
    """The mean over the positions of a map."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool `(B, C, H, W)` to `(B, C)`."""
        return maps.mean(dim=(2, 3))


class GeM(nn.Module):
    """Generalised mean over the positions of a map: p = 1 is the mean, p = inf the maximum.

    Source: Radenovic, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2019.
    """

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.floor = floor

    def forward(self, maps: Tensor) -> Tensor:
        """Pool `(B, C, H, W)` to `(B, C)`; values below `floor` count as `floor`."""
        powers = maps.clamp(min=self.floor).pow(self.p)
        return powers.mean(dim=(2, 3)).pow(1.0 / self.p)


class Deviation(nn.Module):
    """The standard deviation over the positions of a map: texture, wherever it is."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool `(B, C, H, W)` to `(B, C)`."""
        # The small constant keeps the gradient of a constant channel finite.
        deviations: Tensor = maps.var(dim=(2, 3), correction=0).add(1e-12).sqrt()
        return deviations


class Thirds(nn.Module):
    """The means over the left, the middle and the right third of a map, each scaled to unit length.

    Thirds overlap by a column if the width is no multiple of three.
    """

    vectors = 3

    def forward(self, maps: Tensor) -> Tensor:
        """Pool `(B, C, H, W)` to `(B, 3 C)`."""
        strips = functional.adaptive_avg_pool2d(maps, (1, self.vectors)).squeeze(2)
        return functional.normalize(strips, dim=1).transpose(1, 2).flatten(1)


def resized(pictures: Tensor, size: int) -> Tensor:
    """Resize `(B, C, S, S)` to `(B, C, size, size)`: by means where the size divides S, else bilinear, antialiased."""
    if pictures.shape[-1] == size:
        return pictures
    if pictures.shape[-1] % size == 0:
        return functional.avg_pool2d(pictures, pictures.shape[-1] // size)
    return functional.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=True)
