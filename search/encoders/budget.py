"""How large a network may become: no larger than the weights that were saved of it.

A spec is a few words of JSON and may name a network of any size. While it is built, every parameter is counted as it
is registered, before anything is written into it, and the building ends where there are more than the file holds.
"""

from __future__ import annotations

import json
import math
import os
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from search.errors import EncoderError
from search.files.reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

_LARGEST_HEADER = 100_000_000
"""Bytes that safetensors itself allows."""
_HEAD_NUMBERS = 64 * 2**20
_HEAD_TENSORS = 64
"""What a backbone may have beside its saved weights: the head that is taken away from it after it was built."""
_MODULES_A_TENSOR = 16


class TooLargeError(ValueError):
    """A network is larger than its weights."""


@contextmanager
def within_weights(file: Path) -> Iterator[None]:
    """Within the block, this thread may build no network with more parameters than a file of weights holds.

    Raises:
        EncoderError: the file is missing, or its header is damaged.
        TooLargeError: the network is larger.
    """
    tensors, numbers = _sizes(file)
    thread = threading.get_ident()
    most = {
        "tensors": tensors + _HEAD_TENSORS,
        "numbers": numbers + _HEAD_NUMBERS,
        "modules": (tensors + _HEAD_TENSORS) * _MODULES_A_TENSOR,
    }
    built = dict.fromkeys(most, 0)

    def count(**more: int) -> None:
        if threading.get_ident() != thread:
            return
        for what, number in more.items():
            built[what] += number
            if built[what] > most[what]:
                raise TooLargeError(f"it has more {what} than its weights, of {tensors} tensors and {numbers} numbers")

    def parameter(module: nn.Module, name: str, found: Any) -> None:
        if found is not None:
            count(tensors=1, numbers=found.numel())

    def submodule(module: nn.Module, name: str, found: Any) -> None:
        count(modules=1)

    hooks = (
        register_module_parameter_registration_hook(parameter),
        register_module_module_registration_hook(submodule),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _sizes(file: Path) -> tuple[int, int]:
    """How many tensors a file of safetensors holds, and how many numbers, by its header."""
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(size, _LARGEST_HEADER):
                raise ValueError("its header is longer than it")
            header = json.loads(stream.read(length))
        shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        numbers = sum(map(math.prod, shapes))
        if not isinstance(numbers, int) or not 0 <= numbers <= size:
            raise ValueError("its header counts more than it holds")
    except FileNotFoundError:
        raise EncoderError(f"{file} is missing: copy the whole folder of the encoder again") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError) as error:
        raise EncoderError(f"damaged: {file} cannot be read as safetensors: {error}") from error
    return len(shapes), numbers
