"""Compute in full float32 on a GPU while an encoder runs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_backends: Any = torch.backends
"""Typed as Any: torch's stubs lack the newer switches."""
_lock = threading.Lock()
_running = 0
_before: tuple[Any, Any] = (None, None)


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Disable TF32 in convolutions and matrix products within the block, and restore the switches afterwards.

    By default, torch allows TF32 (10 bits of mantissa) in convolutions: vectors from a GPU and a CPU would then differ
    in the third digit. The switches are global to the process, so the first of several threads sets them and the last
    one restores them.
    """
    if device.type != "cuda":
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _running, _before
    with _lock:
        if _running == 0:
            _before = _switches()
            _set_switches(("ieee", "ieee") if _has_fp32_precision() else (False, False))
        _running += 1


def _leave() -> None:
    global _running
    with _lock:
        _running -= 1
        if _running == 0:
            _set_switches(_before)


def _has_fp32_precision() -> bool:
    """Whether this is torch 2.9 or newer, which deprecates `allow_tf32` and raises if both are used."""
    return hasattr(_backends.cudnn, "conv") and hasattr(_backends.cuda.matmul, "fp32_precision")


def _switches() -> tuple[Any, Any]:
    if _has_fp32_precision():
        return _backends.cudnn.conv.fp32_precision, _backends.cuda.matmul.fp32_precision
    return _backends.cudnn.allow_tf32, _backends.cuda.matmul.allow_tf32


def _set_switches(values: tuple[Any, Any]) -> None:
    if _has_fp32_precision():
        _backends.cudnn.conv.fp32_precision, _backends.cuda.matmul.fp32_precision = values
    else:
        _backends.cudnn.allow_tf32, _backends.cuda.matmul.allow_tf32 = values
