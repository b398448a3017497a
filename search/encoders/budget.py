"""Limit the size of a network to that of its saved weights while it is built.

A spec is a few words of JSON and may name a network of any size. Parameters are counted when they are registered,
before memory is written, and building stops as soon as there are more than the weights file holds.
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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor, nn

_LARGEST_HEADER = 100_000_000
"""Limit of the safetensors format, in bytes."""
_HEAD_NUMBERS = 64 * 2**20
_HEAD_TENSORS = 64
"""Allowance for what a backbone has besides its saved weights: the head that is removed after it is built."""
_MODULES_PER_TENSOR = 16


class TooLargeError(ValueError):
    """A network is larger than its weights file."""


@contextmanager
def within_weights(file: Path, borrowed: Sequence[Tensor] = ()) -> Iterator[None]:
    """Prevent this thread from building networks with more parameters than a weights file holds and `borrowed` adds.

    Raises:
        EncoderError: the file is missing, or its header is damaged.
        TooLargeError: the network is larger.
    """
    tensors, numbers = _sizes(file)
    tensors, numbers = tensors + len(borrowed), numbers + sum(tensor.numel() for tensor in borrowed)
    thread = threading.get_ident()
    limits = {
        "tensors": tensors + _HEAD_TENSORS,
        "numbers": numbers + _HEAD_NUMBERS,
        "modules": (tensors + _HEAD_TENSORS) * _MODULES_PER_TENSOR,
    }
    built = dict.fromkeys(limits, 0)

    def count(**more: int) -> None:
        if threading.get_ident() != thread:
            return
        for what, number in more.items():
            built[what] += number
            if built[what] > limits[what]:
                raise TooLargeError(f"it has more {what} than its weights ({tensors} tensors, {numbers} numbers)")

    def parameter(module: nn.Module, name: str, registered: Any) -> None:
        if registered is not None:
            count(tensors=1, numbers=registered.numel())

    def submodule(module: nn.Module, name: str, registered: Any) -> None:
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
    """Number of tensors and of values in a safetensors file, according to its header."""
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(size, _LARGEST_HEADER):
                raise ValueError("its header is longer than the file")
            header = json.loads(stream.read(length))
        shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        numbers = sum(map(math.prod, shapes))
        if not isinstance(numbers, int) or not 0 <= numbers <= size:
            raise ValueError("its header declares more values than the file holds")
    except FileNotFoundError:
        raise EncoderError(f"{file} is missing: copy the entire folder of the encoder again") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError) as error:
        raise EncoderError(f"damaged: {file} cannot be read as safetensors: {error}") from error
    return len(shapes), numbers
