"""The optimizer of a run, and the precision that its forward pass is computed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

    from indexer.training.config import Precision, TrainConfig

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def make_optimizer(config: TrainConfig, *modules: nn.Module) -> torch.optim.Optimizer:
    """Adam or AdamW over all that is to be trained; frozen parameters are left out."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(_groups(modules, config.weight_decay), lr=config.learning_rate)


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """What `precision` means on a device: `auto` is bfloat16 on a GPU that has it, float32 elsewhere."""
    if precision != "auto":
        return _DTYPES[precision]
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Compute what can be computed in `dtype`; nothing changes where it is float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def _groups(modules: tuple[nn.Module, ...], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only: on norms, biases and exponents it does harm."""
    parameters = [each for each in _parameters(modules) if each.requires_grad]
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]


def _parameters(modules: tuple[nn.Module, ...]) -> Iterator[nn.Parameter]:
    for module in modules:
        yield from module.parameters()
