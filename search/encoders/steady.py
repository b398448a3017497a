"""Make vectors independent of how many pictures are embedded together.

A matrix library chooses its kernel, and thus the order of its sums, by the number of rows. Measured on a CPU (x86,
AVX-512, torch 2.15), a picture embedded alone and in a batch of 64 gave vectors up to 7e-7 apart in every convolutional
network tried. Two measures make them bit-identical for ResNet, MobileNet, EfficientNet, DenseNet, ShuffleNet and the
networks of `search.encoders.networks`: batches are padded to an even number of pictures, and linear layers over pooled
features are computed in blocks of `_BLOCK` rows. RegNet and Swin keep a difference of up to 2e-7. It cannot be
guaranteed for every CPU: on one with AMX, one and two threads gave values of `small` 1e-6 apart, before they are scaled
to unit length. It is not attempted on a GPU, where cuDNN chooses by batch size. OpenVINO computes every picture alone:
see `search.encoders.openvino_runtime`.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import linear, pad

PADDING = 2
"""A single picture is padded with a black one. A padding of 4 would make RegNet independent too, but doubles the time
of a single query."""
_BLOCK = 16


class SteadyLinear(nn.Linear):
    """A linear layer that processes `(B, F)` in blocks of 16 rows; `(B, T, F)` tokens are processed as usual."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Compute `(B, out)` rows that do not depend on B."""
        if features.dim() != 2 or features.device.type != "cpu":
            return super().forward(features)
        rows = len(features)
        blocks = torch.split(pad(features, (0, 0, 0, -rows % _BLOCK)), _BLOCK)
        return torch.cat([linear(block, self.weight, self.bias) for block in blocks])[:rows]


def with_steady_rows(network: nn.Module) -> nn.Module:
    """Replace every `nn.Linear` by a `SteadyLinear` with the same parameters and state names."""
    if type(network) is nn.Linear:
        return _steady(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, _steady(child))
    return network


def with_plain_rows(network: nn.Module) -> nn.Module:
    """Undo `with_steady_rows`, for a conversion that computes one picture at a time."""
    for module in network.modules():
        if isinstance(module, SteadyLinear):
            module.__class__ = nn.Linear  # type: ignore[assignment]
    return network


def _steady(layer: nn.Linear) -> SteadyLinear:
    steady = SteadyLinear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
    steady.weight, steady.bias = layer.weight, layer.bias
    return steady.train(layer.training)
