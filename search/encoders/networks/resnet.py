"""`{"kind": "resnet", ...}`: a small residual network whose last stages are pooled and joined."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.pooling import GeM

_STEM_STRIDES = {1: (1, 1), 2: (2, 1), 4: (2, 2)}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, `(B, in, H, W) -> (B, out, H / stride, W / stride)`.

    A shortcut that downsamples averages first (ResNet-D), because a strided 1x1 convolution would discard three of four
    positions. Plain convolutions were chosen over depthwise ones because a CPU runs them at several times the
    arithmetic rate, forward and backward.
    Source: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", CVPR 2019.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, stride=stride)
        self.second = _conv(outputs, outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            shrink = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(shrink, _conv(inputs, outputs, kernel=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Add the residual of `(B, in, H, W)` to its shortcut."""
        residual = self.second(functional.relu(self.first(maps), inplace=True))
        return functional.relu(residual + self.shortcut(maps), inplace=True)


class ResNet(nn.Module):
    """A small residual network, `(B, 3, S, S) float32 -> (B, dim)`, not unit length.

    The stem downsamples by 4, or by `shrink` (1, 2 or 4) for pictures that are already small; every stage after the
    first halves the size. The last `pooled` stages are each pooled by GeM, joined and mapped to `dim`. The earlier maps
    keep texture and colour, which the last one discards because it is trained to separate the classes of one data set,
    and which other data sets need.

    With `grid` G above 1, the last stage is averaged over G x G separate cells instead of GeM. The position of a thing
    in the picture then counts, as it does for characters and faces.
    """

    def __init__(
        self,
        *,
        stem: int = 24,
        shrink: int = 4,
        widths: Sequence[int] = (48, 96, 192),
        depths: Sequence[int] = (2, 2, 2),
        pooled: int = 2,
        grid: int = 1,
        dim: int = 128,
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or not 1 <= pooled <= len(widths) or min(*widths, *depths, stem, dim, grid) < 1:
            raise ValueError(
                f"widths {widths}, depths {depths}, pooled {pooled} and grid {grid} do not define a network"
            )
        if shrink not in _STEM_STRIDES:
            raise ValueError(f"shrink {shrink} does not define a network: it must be 1, 2 or 4")
        first, second = _STEM_STRIDES[shrink]
        self.stem = nn.Sequential(
            _conv(3, stem, stride=first),
            nn.ReLU(inplace=True),
            _conv(stem, widths[0], stride=second),
            nn.ReLU(inplace=True),
        )
        self.stages = nn.ModuleList(
            _stage(widths[max(0, number - 1)], width, depth, stride=1 if number == 0 else 2)
            for number, (width, depth) in enumerate(zip(widths, depths, strict=True))
        )
        self.pools = nn.ModuleList(GeM() for _ in range(pooled))
        if grid > 1:
            self.pools[-1] = nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        features = sum(widths[-pooled:]) + (grid * grid - 1) * widths[-1]
        self.norm = nn.BatchNorm1d(features)
        self.embedding = nn.Linear(features, dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, S, S)`."""
        maps = self.stem(pictures)
        stage_maps: list[Tensor] = []
        for stage in self.stages:
            maps = stage(maps)
            stage_maps.append(maps)
        features = [pool(each) for pool, each in zip(self.pools, stage_maps[-len(self.pools) :], strict=True)]
        vectors: Tensor = self.embedding(self.norm(torch.cat(features, dim=1)))
        return vectors


def _stage(inputs: int, outputs: int, depth: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(depth - 1)))


def _conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))
