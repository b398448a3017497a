"""Augment pictures for training, one batch at a time.

All random numbers are drawn on the CPU from one generator, so that a seed gives the same views on every device; the
pixels stay on theirs. One affine `grid_sample` crops, stretches, mirrors and rotates. One 3x3 matrix per picture makes
all changes of colour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from indexer.training.jpeg import quantised

if TYPE_CHECKING:
    from indexer.training.config import AugmentConfig

_LUMA = torch.tensor([0.299, 0.587, 0.114])
_FILLS = (0.0, 0.5, 1.0, None)
"""What fills the area beyond the picture's border, one choice per batch: black, grey, white, or the picture mirrored.
"""
_FIXED_FILLS = {"black": 0.0, "white": 1.0}
_ELASTIC_KNOTS = 5
"""Random displacements along each side; those between them are interpolated."""


def augment(
    pixels: Tensor,
    size: int,
    config: AugmentConfig | None,
    generator: torch.Generator,
    classes: Tensor | None = None,
) -> Tensor:
    """One random view of each picture: `(B, S, S, 3) uint8 -> (B, 3, size, size) float32` in [0, 1].

    `generator` is a CPU generator. Without a config the view is the picture itself, resized if `size` differs.
    `class_elastic` bends pictures with the same number in `classes (B,)` alike; without `classes` every picture is a
    class of its own.
    """
    views = pixels.permute(0, 3, 1, 2).contiguous().float().div_(255.0)
    if config is None:
        return _resized(views, size)
    views = _move(views, size, config, generator, classes)
    if config.p_stroke > 0:
        views = _stroke(views, config.p_stroke, generator)
    views = _color(views, config, generator)
    views = _degrade(views, config.p_jpeg, generator)
    views = _noise(views, config.p_noise, generator)
    return views if config.p_erase == 0 else _erase(views, config.p_erase, generator)


def _resized(views: Tensor, size: int) -> Tensor:
    if views.shape[-1] == size:
        return views
    return functional.interpolate(views, (size, size), mode="bilinear", align_corners=False, antialias=True)


def affine_maps(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Random affine maps `(B, 2, 3)` from view coordinates to picture coordinates, both in [-1, 1]."""
    side = torch.sqrt(_uniform(count, config.min_area, config.max_area, generator))
    stretch = torch.exp(_uniform(count, -1.0, 1.0, generator) * 0.5 * math.log(config.max_aspect))
    largest = 1.0 if config.max_area <= 1 else math.inf
    width, height = (side * stretch).clamp(max=largest), (side / stretch).clamp(max=largest)
    angle = _uniform(count, -1.0, 1.0, generator) * math.radians(config.degrees)
    angle = angle * _chosen(count, config.p_rotate, generator)
    turns = torch.randint(1, 4, (count,), generator=generator) * _chosen(count, config.p_quarter, generator)
    angle = angle + turns * (math.pi / 2)
    mirror = 1.0 - 2.0 * _chosen(count, config.p_flip, generator)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    maps = torch.empty(count, 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = width * cosine * mirror, -width * sine
    maps[:, 1, 0], maps[:, 1, 1] = height * sine * mirror, height * cosine
    maps[:, 0, 2] = (1.0 - width) * _uniform(count, -1.0, 1.0, generator)
    maps[:, 1, 2] = (1.0 - height) * _uniform(count, -1.0, 1.0, generator)
    # Drawn only if enabled, so that runs without these settings keep their random numbers and their views.
    if config.shear > 0:
        slant = torch.tan(_uniform(count, -1.0, 1.0, generator) * math.radians(config.shear))
        maps[:, :, 1] = maps[:, :, 1] + maps[:, :, 0] * slant.view(-1, 1)
    if config.shift > 0:
        maps[:, :, 2] = maps[:, :, 2] + 2.0 * config.shift * (torch.rand(count, 2, generator=generator) * 2.0 - 1.0)
    return maps


def color_maps(count: int, config: AugmentConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random colour matrices `(B, 3, 3)` and offsets `(B, 3, 1)`; white stays grey unless brightness moves it."""
    touched = _chosen(count, config.p_color, generator)
    saturation = 1.0 + touched * _uniform(count, -0.5, 0.5, generator)
    contrast = 1.0 + touched * _uniform(count, -0.35, 0.35, generator)
    brightness = touched * _uniform(count, -0.2, 0.2, generator)
    hue = touched * _uniform(count, -0.25, 0.25, generator)
    faded = _chosen(count, config.p_fade, generator)
    saturation = torch.lerp(saturation, _uniform(count, 0.2, 0.6, generator), faded)
    contrast = torch.lerp(contrast, _uniform(count, 0.4, 0.7, generator), faded)
    brightness = torch.lerp(brightness, _uniform(count, 0.0, 0.25, generator), faded)
    saturation = saturation * (1.0 - _chosen(count, config.p_gray, generator))
    gray = _LUMA.expand(3, 3)
    mix = saturation.view(-1, 1, 1) * (_hue_turn(hue) - gray) + gray
    matrices = contrast.view(-1, 1, 1) * mix
    offsets = (0.5 * (1.0 - contrast) + brightness).view(-1, 1, 1).expand(count, 3, 1)
    return matrices, offsets


def _hue_turn(angle: Tensor) -> Tensor:
    """Rotations `(B, 3, 3)` of RGB about its grey axis (Rodrigues' formula)."""
    axis = 1.0 / math.sqrt(3.0)
    cross = torch.tensor([[0.0, -axis, axis], [axis, 0.0, -axis], [-axis, axis, 0.0]])
    cosine, sine = torch.cos(angle).view(-1, 1, 1), torch.sin(angle).view(-1, 1, 1)
    return cosine * torch.eye(3) + sine * cross + (1.0 - cosine) / 3.0


def _move(
    pictures: Tensor, size: int, config: AugmentConfig, generator: torch.Generator, classes: Tensor | None
) -> Tensor:
    maps = affine_maps(len(pictures), config, generator).to(pictures.device)
    fill = _fill(config, generator)
    grid = functional.affine_grid(maps, [len(pictures), 3, size, size], align_corners=False)
    if config.elastic > 0:
        grid = grid + _displacements(len(pictures), size, config.elastic, generator).to(grid.device)
    if config.class_elastic > 0:
        numbers = torch.arange(len(pictures)) if classes is None else classes.cpu()
        grid = grid + _class_displacements(numbers, size, config.class_elastic, generator).to(grid.device)
    padding, offset = ("reflection", 0.0) if fill is None else ("zeros", fill)
    views = functional.grid_sample(
        pictures - offset, grid, mode=config.interpolation, padding_mode=padding, align_corners=False
    )
    return (views + offset).clamp_(0.0, 1.0) if config.interpolation == "bicubic" else views + offset


def _fill(config: AugmentConfig, generator: torch.Generator) -> float | None:
    if config.border != "varied":
        return _FIXED_FILLS[config.border]
    return _FILLS[int(torch.randint(len(_FILLS), (1,), generator=generator))]


def _displacements(count: int, size: int, deviation: float, generator: torch.Generator) -> Tensor:
    """Smooth displacements `(B, size, size, 2)` of the points of a sampling grid with coordinates in [-1, 1].

    Source: Simard, Steinkraus, Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis", ICDAR 2003. The paper smooths a field of noise; this interpolates a coarse field, which costs less.
    """
    knots = 2.0 * deviation * torch.randn(count, 2, _ELASTIC_KNOTS, _ELASTIC_KNOTS, generator=generator)
    field = functional.interpolate(knots, (size, size), mode="bicubic", align_corners=True)
    return field.permute(0, 2, 3, 1)


def _class_displacements(classes: Tensor, size: int, deviation: float, generator: torch.Generator) -> Tensor:
    """Displacements `(B, size, size, 2)` shared by a class: a random strength for each, zero for a third of them."""
    numbers, of = torch.unique(classes, return_inverse=True)
    strength = _uniform(len(numbers), -0.5, 1.0, generator).clamp_(min=0.0).view(-1, 1, 1, 1)
    displacements: Tensor = (_displacements(len(numbers), size, deviation, generator) * strength)[of]
    return displacements


def _stroke(views: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Make the dark strokes of a random `share` of the views thicker or thinner, by up to a pixel on either side.

    Blends each picture with its erosion or dilation by a 3x3 square (the darkest or the lightest neighbouring pixel).
    """
    rows = _rows(len(views), share, generator)
    change = _uniform(len(rows), -1.0, 1.0, generator).view(-1, 1, 1, 1).to(views.device)
    if len(rows) == 0:
        return views
    rows = rows.to(views.device)
    plain = views[rows]
    sign = torch.where(change > 0, -1.0, 1.0)
    extreme = sign * functional.max_pool2d(sign * plain, 3, stride=1, padding=1)
    views[rows] = torch.lerp(plain, extreme, change.abs())
    return views


def _color(views: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    matrices, offsets = color_maps(len(views), config, generator)
    flat = torch.baddbmm(offsets.to(views.device), matrices.to(views.device), views.flatten(2))
    return flat.view_as(views).clamp_(0.0, 1.0)


def _degrade(views: Tensor, share: float, generator: torch.Generator) -> Tensor:
    rows = _rows(len(views), share, generator).to(views.device)
    shrink = (1.0, 0.75, 0.5, 0.35)[int(torch.randint(4, (1,), generator=generator))]
    strength = torch.exp(_uniform(len(rows), math.log(0.5), math.log(4.0), generator)).to(views.device)
    if len(rows) == 0:
        return views
    size = views.shape[-1]
    small = max(8, round(size * shrink))
    shrunk = views[rows] if small == size else functional.interpolate(views[rows], (small, small), mode="area")
    worse = quantised(shrunk, strength)
    views[rows] = functional.interpolate(worse, (size, size), mode="bilinear") if small != size else worse
    return views


def _noise(views: Tensor, share: float, generator: torch.Generator) -> Tensor:
    rows = _rows(len(views), share, generator)
    sigma = _uniform(len(rows), 0.0, 0.06, generator).view(-1, 1, 1, 1)
    noise = sigma * torch.randn((len(rows), *views.shape[1:]), generator=generator)
    if len(rows):
        rows, noise = rows.to(views.device), noise.to(views.device)
        views[rows] = (views[rows] + noise).clamp_(0.0, 1.0)
    return views


def _erase(views: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Fill a rectangle inside a random `share` of the views with one grey.

    Source: Zhong, Zheng, Kang, Li, Yang, "Random Erasing Data Augmentation", AAAI 2020.
    """
    rows, size = _rows(len(views), share, generator), views.shape[-1]
    side = torch.sqrt(_uniform(len(rows), 0.02, 0.25, generator))
    stretch = torch.exp(_uniform(len(rows), -1.0, 1.0, generator) * 0.5 * math.log(3.0))
    grey = torch.rand(len(rows), 1, 1, 1, generator=generator).to(views.device)
    inside = []
    for length in (side * stretch, side / stretch):
        length = (length.clamp(max=1.0) * size).round().clamp(min=1)
        start = (torch.rand(len(rows), generator=generator) * (size - length + 1)).floor()
        position = torch.arange(size)
        inside.append((position >= start[:, None]) & (position < (start + length)[:, None]))
    rectangle = (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(views.device)
    rows = rows.to(views.device)
    views[rows] = torch.where(rectangle, grey, views[rows])
    return views


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _chosen(count: int, share: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) < share).float()


def _rows(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.nonzero(torch.rand(count, generator=generator) < share).flatten()
