"""The layers of EfficientNet-Lite, with the names that timm gives them, so that stored weights fit.

timm has the same network. Importing it imports torchvision and the compiler of torch too, which takes longer than
importing torch: a query without OpenVINO would spend more than a second there.
Source: github.com/tensorflow/tpu, models/official/efficientnet/lite; Tan and Le, "EfficientNet: Rethinking Model
Scaling for Convolutional Neural Networks", ICML 2019; timm (Apache-2.0) for the names.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 16),
    _Stage(2, 3, 2, 24),
    _Stage(2, 5, 2, 40),
    _Stage(3, 3, 2, 80),
    _Stage(3, 5, 1, 112),
    _Stage(4, 5, 2, 192),
    _Stage(1, 3, 1, 320),
)
_EXPANSION = 6
_STEM = 32
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Variant -> factors of the channels, and of the blocks in all stages but the first and the last."""


class LiteTrunk(nn.Module):
    """`(B, 3, S, S) -> (B, 1280, S / 32, S / 32)`: a stem, seven stages of blocks, and one last convolution.

    `last`, from 0 to 6, ends the network with this stage: the layers after it are left out.
    """

    def __init__(self, variant: str, last: int | None = None) -> None:
        """Build the network with random weights."""
        super().__init__()
        width, depth = SCALES[variant]
        self.conv_stem, self.bn1 = _Convolution(3, _STEM, 3, stride=2), _NormAct(_STEM)
        stages, channels = [], _STEM
        for number, stage in enumerate(_STAGES if last is None else _STAGES[: last + 1]):
            outer = number in (0, len(_STAGES) - 1)
            repeats = stage.repeats if outer else math.ceil(stage.repeats * depth)
            blocks = []
            for repeat in range(repeats):
                after = _rounded(stage.channels * width)
                block = _Separable if number == 0 else _InvertedResidual
                blocks.append(block(channels, after, stage.kernel, 1 if repeat else stage.stride))
                channels = after
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.num_features = 1280 if last is None else channels
        self.conv_head = _Convolution(channels, 1280, 1) if last is None else nn.Identity()
        self.bn2 = _NormAct(1280) if last is None else nn.Identity()

    def forward_features(self, pictures: Tensor) -> Tensor:
        """The last map."""
        maps: Tensor = self.bn2(self.conv_head(self.blocks(self.bn1(self.conv_stem(pictures)))))
        return maps


class _Convolution(nn.Conv2d):
    """Without bias, padded as TensorFlow does: with a stride, more on the right and at the bottom."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False)

    def reset_parameters(self) -> None:
        """Draw weights that keep the variance of what the layer gets."""
        size = self.kernel_size[0] * self.kernel_size[1] * self.out_channels // self.groups
        nn.init.normal_(self.weight, 0.0, math.sqrt(2.0 / size))

    def forward(self, maps: Tensor) -> Tensor:
        if self.stride[0] > 1:
            high, wide = (self._lacking(length) for length in maps.shape[-2:])
            maps = functional.pad(maps, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return super().forward(maps)

    def _lacking(self, length: int) -> int:
        """Pixels to add, so that every `stride`-th one is the centre of a window."""
        return max((math.ceil(length / self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - length, 0)


class _NormAct(nn.BatchNorm2d):
    """Batch normalisation, and ReLU6 after it unless it is `linear`."""

    def __init__(self, channels: int, *, linear: bool = False) -> None:
        super().__init__(channels, eps=1e-3)
        self.act = nn.Identity() if linear else nn.ReLU6(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        activated: Tensor = self.act(super().forward(maps))
        return activated


class _Separable(nn.Module):
    """A depthwise convolution, then one that mixes the channels."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _Convolution(before, before, kernel, stride=stride, groups=before)
        self.bn1 = _NormAct(before)
        self.conv_pw, self.bn2 = _Convolution(before, after, 1), _NormAct(after, linear=True)
        self.skips = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(maps))))
        return changed + maps if self.skips else changed


class _InvertedResidual(nn.Module):
    """As `_Separable`, between one convolution that adds channels and one that takes them away."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = _rounded(before * _EXPANSION)
        self.conv_pw, self.bn1 = _Convolution(before, inside, 1), _NormAct(inside)
        self.conv_dw = _Convolution(inside, inside, kernel, stride=stride, groups=inside)
        self.bn2 = _NormAct(inside)
        self.conv_pwl, self.bn3 = _Convolution(inside, after, 1), _NormAct(after, linear=True)
        self.skips = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = self.bn1(self.conv_pw(maps))
        changed = self.bn3(self.conv_pwl(self.bn2(self.conv_dw(changed))))
        return changed + maps if self.skips else changed


def _rounded(channels: float) -> int:
    """The multiple of 8 that is nearest, or the next one if that is less than 0.9 of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
