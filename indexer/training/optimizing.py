"""Create the optimizer of a run, and choose the precision of the forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

    from indexer.training.config import Precision, TrainConfig

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def make_optimizer(config: TrainConfig, *modules: nn.Module) -> torch.optim.Optimizer:
    """Adam or AdamW over the trainable parameters; frozen ones are left out."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(_groups(modules, config.weight_decay), lr=config.learning_rate)


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """The dtype of `precision` on a device: `auto` is bfloat16 on a GPU that supports it, float32 elsewhere."""
    if precision != "auto":
        return _DTYPES[precision]
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Autocast to `dtype`; disabled for float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def _groups(modules: tuple[nn.Module, ...], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only: it harms norms, biases and pooling exponents."""
    parameters = [each for each in _parameters(modules) if each.requires_grad]
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]


def _parameters(modules: tuple[nn.Module, ...]) -> Iterator[nn.Parameter]:
    for module in modules:
        yield from module.parameters()
