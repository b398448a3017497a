"""Small networks from the classic experiments, for pictures of one small size: MNIST, Omniglot."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MultilayerPerceptron(nn.Module):
    """Fully connected layers over all pixels with ReLU between them, `(B, 3, size, size) float32 -> (B, dim)`.

    `gray` averages the channels first, so that a grey picture does not enter three times.
    """

    def __init__(
        self, *, size: int, widths: Sequence[int] = (200, 100), dropout: float = 0.0, gray: bool = False, dim: int = 128
    ) -> None:
        super().__init__()
        if min(size, *widths, dim) < 1 or not 0 <= dropout < 1:
            raise ValueError(f"size {size}, widths {widths}, dropout {dropout} and dim {dim} do not define a network")
        self.size = size
        self.gray = gray
        self.layers = _connected(size * size * (1 if gray else 3), widths, dropout, dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, size, size)`."""
        _check_size(pictures, self.size)
        # Flattened in channel order whatever the memory format, because the vectors must not depend on it.
        vectors: Tensor = self.layers(_channels(pictures, self.gray).contiguous().flatten(1))
        return vectors


class ConvNet(nn.Module):
    """Convolutions that each halve the picture, then connected layers, `(B, 3, size, size) float32 -> (B, dim)`.

    Each width in `widths` is a convolution with batch normalisation, ReLU and 2x2 max pooling; each width in `hidden`
    is a connected layer with ReLU. `gray` averages the channels first; `dropout` precedes the connected layers.
    """

    def __init__(
        self,
        *,
        size: int,
        widths: Sequence[int] = (32, 64),
        kernel: int = 3,
        hidden: Sequence[int] = (256,),
        dropout: float = 0.0,
        gray: bool = False,
        dim: int = 128,
    ) -> None:
        super().__init__()
        side = size >> len(widths)
        if min(side, kernel % 2, *widths, *hidden, dim) < 1 or not 0 <= dropout < 1:
            raise ValueError(
                f"size {size}, widths {widths}, kernel {kernel}, hidden {hidden}, dropout {dropout} and dim {dim} do "
                "not define a network: a kernel is odd, and every width halves the size, which must stay at 1 or more"
            )
        self.size = size
        self.gray = gray
        inputs = (1 if gray else 3, *widths)
        self.maps = nn.Sequential(*(_halving(*pair, kernel) for pair in zip(inputs[:-1], widths, strict=True)))
        self.layers = _connected(inputs[-1] * side * side, hidden, dropout, dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, size, size)`."""
        _check_size(pictures, self.size)
        vectors: Tensor = self.layers(self.maps(_channels(pictures, self.gray)).contiguous().flatten(1))
        return vectors


def _channels(pictures: Tensor, gray: bool) -> Tensor:
    return pictures.mean(dim=1, keepdim=True) if gray else pictures


def _check_size(pictures: Tensor, size: int) -> None:
    if pictures.shape[-2:] != torch.Size((size, size)):
        raise ValueError(f"this network takes pictures of {size}x{size} pixels, not {tuple(pictures.shape[-2:])}")


def _halving(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), nn.MaxPool2d(2))


def _connected(inputs: int, widths: Sequence[int], dropout: float, dim: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, width in zip((inputs, *widths), widths, strict=False):
        layers += [nn.Dropout(dropout), nn.Linear(before, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear((inputs, *widths)[-1], dim))
