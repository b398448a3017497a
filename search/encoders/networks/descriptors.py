"""Fixed descriptors as modules without weights: a histogram of colours, and the directions of edges by position.

They cover what a network trained on photos of a few classes misses: drawings, signs and aerial pictures are described
like any other. Both take `(B, 3, S, S) float32` in [0, 1] and resize it to their own working size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.pooling import resized

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_LUMA = (0.299, 0.587, 0.114)


class ColorHistogram(nn.Module):
    """Square roots of a CIELAB histogram minus those of a uniform one, `(B, 3, S, S) -> (B, 245)`, not unit length.

    5 x 7 x 7 bins of L, a, b, denser near grey; each pixel is divided linearly between neighbouring bins. The result
    does not change if the picture is mirrored or rotated by right angles. It is the histogram of `color-layout`, at a
    quarter of its pixels and for a batch.
    Source: IEC 61966-2-1 (sRGB) and CIE 15 (CIELAB, white D65); Arandjelovic and Zisserman 2012 (the square root).
    """

    size = 32
    lightness = (0.0, 25.0, 50.0, 75.0, 100.0)
    color = (-60.0, -30.0, -12.0, 0.0, 12.0, 30.0, 60.0)
    rounding = 1e-5
    """Shares below this are rounding errors, which the square root would amplify."""
    dim = len(lightness) * len(color) ** 2

    def forward(self, pictures: Tensor) -> Tensor:
        """Describe `(B, 3, S, S)` in [0, 1]."""
        lab = _to_lab(resized(pictures, self.size)).flatten(2)
        lightness = _shares(lab[:, 0], self.lightness)
        first, second = _shares(lab[:, 1], self.color), _shares(lab[:, 2], self.color)
        pairs = (lightness[:, :, None] * first[:, None, :]).flatten(1, 2)
        counts = torch.bmm(pairs, second.transpose(1, 2)).flatten(1) / lab.shape[-1]
        return _above(counts, self.rounding).sqrt() - math.sqrt(1 / self.dim)


class GradientLayout(nn.Module):
    """Directions of edges per cell, `(B, 3, S, S) -> (B, 8 * 8 * 6)`, centred, of length 1 or, if blank, less.

    Computed from the luma at 64 by 64 pixels: gradients by central differences, whose strength is divided linearly
    between the two nearest of 6 unsigned directions and the four nearest of 8 by 8 cells. Values are shares of the
    picture's total strength; their square roots are taken, so that a few strong edges do not dominate.
    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, with one
    normalisation over the picture instead of theirs over blocks.
    """

    size = 64
    cells = 8
    directions = 6
    dim = cells * cells * directions
    faintest = 0.02
    """Mean gradient strength that counts as much as the picture's own, so that noise in a blank one stays small."""
    rounding = 1e-4
    """Strengths below this are rounding errors: a step of one level in one channel gives at least 2e-4."""

    def __init__(self) -> None:
        super().__init__()
        step = self.size // self.cells
        rising = torch.arange(0.5, step) / step
        tent = torch.cat([rising, rising.flip(0)])
        window = torch.outer(tent, tent) / step**2
        self.register_buffer("window", window.expand(self.directions, 1, -1, -1).clone(), persistent=False)

    window: Tensor

    def forward(self, pictures: Tensor) -> Tensor:
        """Describe `(B, 3, S, S)` in [0, 1]."""
        luma = (resized(pictures, self.size) * _column(_LUMA, pictures)).sum(dim=1, keepdim=True)
        around = functional.pad(luma, (1, 1, 1, 1), mode="replicate")
        across = (around[:, :, 1:-1, 2:] - around[:, :, 1:-1, :-2]) / 2
        down = (around[:, :, 2:, 1:-1] - around[:, :, :-2, 1:-1]) / 2
        strength = _above((across.square() + down.square()).sqrt(), self.rounding)
        direction = torch.remainder(torch.atan2(down, across) / math.pi * self.directions, self.directions)
        bins = torch.arange(self.directions, device=luma.device, dtype=luma.dtype).view(1, -1, 1, 1)
        gap = (direction - bins).abs()  # or, the other way around the circle, `directions` minus this
        shares = torch.maximum(1.0 - gap, gap - (self.directions - 1)).clamp(min=0)
        step = self.size // self.cells
        cells = functional.conv2d(
            shares * strength, self.window, stride=step, padding=step // 2, groups=self.directions
        ).flatten(1)
        roots = (cells / (cells.mean(dim=1, keepdim=True) + self.faintest * self.directions**-1)).sqrt()
        centred = roots - roots.mean(dim=1, keepdim=True)
        unit: Tensor = centred / centred.norm(dim=1, keepdim=True).clamp(min=1.0)
        return unit


def _above(values: Tensor, least: float) -> Tensor:
    """Replace values of at most `least` by 0. The same as `functional.threshold`, which OpenVINO cannot convert."""
    return torch.where(values > least, values, 0.0)


def _to_lab(pictures: Tensor) -> Tensor:
    """Convert sRGB `(B, 3, S, S)` in [0, 1] to CIELAB: L in [0, 100], a and b within about 128 of 0."""
    linear = torch.where(
        pictures <= 0.04045, pictures / 12.92, ((pictures.clamp(min=0.04045) + 0.055) / 1.055).pow(2.4)
    )
    to_xyz = torch.tensor(_TO_XYZ, dtype=pictures.dtype, device=pictures.device)
    relative = torch.einsum("xc,bchw->bxhw", to_xyz / to_xyz.sum(dim=1, keepdim=True), linear)
    delta = 6 / 29
    bent = torch.where(relative > delta**3, relative.clamp(min=delta**3).pow(1 / 3), relative / (3 * delta**2) + 4 / 29)
    x, y, z = bent.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def _shares(values: Tensor, nodes: Sequence[float]) -> Tensor:
    """Linear shares `(B, len(nodes), P)` of values `(B, P)` between neighbouring nodes; outliers count at the ends.

    Each interval has a ramp from 0 to 1; a node gets what the ramp before it has and the one after it lacks. The same
    values as by `torch.searchsorted`, which OpenVINO computes a hundred times as slowly.
    """
    places = torch.tensor(nodes, dtype=values.dtype, device=values.device).view(1, -1, 1)
    low, high = places[:, :-1], places[:, 1:]
    ramps = ((values[:, None] - low) / (high - low)).clamp(0.0, 1.0)
    return functional.pad(ramps, (0, 0, 1, 0), value=1.0) - functional.pad(ramps, (0, 0, 0, 1))


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)
