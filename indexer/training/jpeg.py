"""Simulate JPEG compression on tensors: 8x8 blocks, cosine transform, rounding."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 8
_TABLE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""Luminance quantisation table of the standard (ITU-T T.81, annex K.1), in steps of 1/255 at quality 50."""


def quantised(pictures: Tensor, strength: Tensor) -> Tensor:
    """Quantise the cosine coefficients of `(B, C, H, W) float32` in [0, 1] as JPEG does.

    `strength (B,)` multiplies the table: 1 is quality 50, 4 about quality 12. Every channel is treated as luminance:
    converting to YCbCr and subsampling the colour would cost more than it adds to the augmentation.
    """
    count, channels, height, width = pictures.shape
    padded = functional.pad(pictures, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    rows, columns = padded.shape[2] // BLOCK, padded.shape[3] // BLOCK
    blocks = padded.reshape(count, channels * rows, BLOCK, columns, BLOCK).transpose(2, 3)
    transform = cosine_transform().to(pictures.device)
    steps = (_TABLE.to(pictures.device) / 255.0) * strength.view(-1, 1, 1, 1, 1)
    coefficients = transform @ (blocks - 0.5) @ transform.T
    rounded = transform.T @ (torch.round(coefficients / steps) * steps) @ transform + 0.5
    merged = rounded.transpose(2, 3).reshape(padded.shape)
    return merged[:, :, :height, :width].clamp(0.0, 1.0)


def cosine_transform() -> Tensor:
    """The orthonormal DCT-II of eight values as a matrix `(8, 8)`."""
    frequency = torch.arange(BLOCK, dtype=torch.float32).view(-1, 1)
    place = torch.arange(BLOCK, dtype=torch.float32).view(1, -1)
    matrix = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * BLOCK)) * math.sqrt(2.0 / BLOCK)
    matrix[0] /= math.sqrt(2.0)
    return matrix
