"""Vectors that do not depend on how many pictures are embedded together.

A matrix library picks its kernel, and so the order of its sums, by the number of rows. Measured on a CPU (x86,
AVX-512, torch 2.15): a picture embedded alone and in a batch of 64 gave vectors up to 7e-7 apart in every
convolutional network tried. Two things make them equal bit for bit: batches padded to a multiple of `PADDING`
pictures, and linear layers over pooled features computed in blocks of `_BLOCK` rows. It cannot be promised for every
CPU, and on a GPU, where cuDNN chooses by batch size, it is not tried: there the rounding remains.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import linear, pad

PADDING = 4
"""Least padding for which ResNet, MobileNet, RegNet, EfficientNet and ShuffleNet were steady; 2 was not enough."""
_BLOCK = 16


class SteadyLinear(nn.Linear):
    """The same layer over `(B, F)`, always in blocks of 16 rows; over `(B, T, F)` tokens it is left as it is."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Give `(B, out)` rows that do not depend on B."""
        if features.dim() != 2 or features.device.type != "cpu":
            return super().forward(features)
        rows = len(features)
        blocks = torch.split(pad(features, (0, 0, 0, -rows % _BLOCK)), _BLOCK)
        return torch.cat([linear(block, self.weight, self.bias) for block in blocks])[:rows]


def with_steady_rows(network: nn.Module) -> nn.Module:
    """Exchange every `nn.Linear` for a `SteadyLinear` that shares its parameters; names in the state stay the same."""
    if type(network) is nn.Linear:
        return _steady(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, _steady(child))
    return network


def _steady(layer: nn.Linear) -> SteadyLinear:
    steady = SteadyLinear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
    steady.weight, steady.bias = layer.weight, layer.bias
    return steady.train(layer.training)
