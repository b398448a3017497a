"""Run a converted network on the CPU with OpenVINO, which is optional: the extra `openvino`.

A conversion is a pair of files, `openvino.xml` (the graph) and `openvino.bin` (its float32 weights). Its input is
`(1, S, S, 3) uint8`; normalisation is part of the graph. `search.encoders.openvino_conversion` makes it from torch.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from search.errors import EncoderError
from search.forks import inherited
from search.large_imports import collection_paused, openvino_installed
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from search.config import Precision
    from search.types import Floats

_TELEMETRY = ("openvino.tools.ovc", "openvino_telemetry")
"""Modules that report to the vendor of OpenVINO when they are imported: the converter, and the package that it uses."""
_REFUSED = {"Assign", "If", "Loop", "ReadValue", "TensorIterator"}
"""Operations with a state or with graphs of their own; the networks of Twinlens have none."""
_AT_ONCE = 4
"""Pictures computed at once at most; on more cores each has several. Every one needs memory, and time to compile."""
_QUEUED = 64
"""Requests that wait or run at most. With one for each picture at once, a core whose picture is done waits for the
interpreter, which another thread may hold for 5 ms: `small` took 1.4 times as long. A request holds no intermediate
results."""
_LARGEST_TENSOR = 2**26
"""Most values of one intermediate result of one picture: 256 MiB."""


class ConversionError(EncoderError):
    """A network cannot be converted, or a conversion cannot be used: torch computes instead."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted network, as the bytes of its two files."""

    graph: bytes
    weights: bytes


def available() -> bool:
    """Whether OpenVINO can compute in this process.

    A child of a process that had imported it computes with torch: OpenVINO starts threads that a fork does not copy,
    and would wait for them.
    """
    return openvino_installed() and not inherited("openvino")


@cache
def openvino() -> Any:
    """Import OpenVINO, without the modules that report each import to its vendor.

    `openvino` imports its converter, and that imports `openvino_telemetry`, if it is installed, and sends an event
    unless the user has declined. Both are hidden during the import; OpenVINO then leaves its converter out.

    Raises:
        ConversionError: it cannot be imported.
    """
    with collection_paused(), _hidden(_TELEMETRY):
        try:
            return import_module("openvino")
        except ImportError as error:
            raise ConversionError(f"OpenVINO cannot be imported: {error}") from error


@cache
def supports_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16; OpenVINO would only imitate it on others.

    Raises:
        ConversionError: OpenVINO cannot be imported.
    """
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def why_float32() -> str | None:
    """Why an encoder of precision bfloat16 computes in float32 here; None if it does not."""
    try:
        if not available():
            return "OpenVINO is not installed"
        return None if supports_bfloat16() else "this CPU has no bfloat16"
    except ConversionError as error:
        return str(error)


class CompiledNetwork:
    """A converted network, compiled for this CPU. Safe to use from several threads, which take turns.

    Every picture is computed alone, a few at once: its vector then cannot depend on the rest of its batch, in either
    precision. A batch in one call was not faster (EfficientNet-Lite0: 10 ms of CPU alone, 11 in a batch of 64).
    """

    def __init__(self, conversion: Conversion, size: int, precision: Precision) -> None:
        """Compile for pictures of `size` pixels.

        Raises:
            ConversionError: this version of OpenVINO cannot read it, or it is no network of Twinlens.
        """
        self.precision: Precision = "bfloat16" if precision == "bfloat16" and supports_bfloat16() else "float32"
        try:
            model = read_network(conversion)
            _refuse_strange(model, size)
            compiled = _core().compile_model(model, "CPU", self._options())
            self._dim = int(model.output(0).get_shape()[1])
            self._compiled = compiled
            self._requests = [compiled.create_infer_request()]
        except (RuntimeError, ValueError, TypeError) as error:
            raise ConversionError(f"OpenVINO cannot use the converted network: {reason_of(error)}") from error
        self._in_use: tuple[Any, ...] = ()
        self._lock = threading.Lock()

    def run(self, batch: NDArray[np.uint8]) -> Floats:
        """Compute `(B, dim) float32`, not of unit length, from `(B, S, S, 3) uint8`."""
        with self._lock:
            self._finish()  # what an interrupted call has left
            pixels = np.require(batch, requirements=("C_CONTIGUOUS", "WRITEABLE"))  # OpenVINO shares no other array
            vectors: Floats = np.empty((len(batch), self._dim), dtype=np.float32)
            self._in_use = (pixels, vectors)  # requests read and write them, and keep no reference
            try:
                self._start_all(pixels, vectors)
            finally:
                self._finish()
        return vectors

    def _start_all(self, pixels: NDArray[np.uint8], vectors: Floats) -> None:
        """Start one request a picture, which writes its row of `vectors` without a callback into Python."""
        tensor = openvino().Tensor
        while len(self._requests) < min(len(pixels), _QUEUED):
            self._requests.append(self._compiled.create_infer_request())
        for row in range(len(pixels)):
            request = self._requests[row % _QUEUED]
            if row >= _QUEUED:
                request.wait()
            request.set_input_tensor(tensor(pixels[row : row + 1], shared_memory=True))
            request.set_output_tensor(tensor(vectors[row : row + 1], shared_memory=True))
            request.start_async()

    def _finish(self) -> None:
        """Wait for all requests, then release their arrays."""
        if self._in_use:
            for request in self._requests:
                request.wait()
            self._in_use = ()

    def _options(self) -> dict[str, Any]:
        """Without a precision OpenVINO chooses bfloat16 where the CPU has it, and vectors would depend on the CPU."""
        named = os.environ.get("OMP_NUM_THREADS", "")
        limit = int(named) if named.isdecimal() else 0
        return {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
            "NUM_STREAMS": min(_AT_ONCE, limit or os.cpu_count() or 1),
            **({"INFERENCE_NUM_THREADS": limit} if limit else {}),
        }


def read_network(conversion: Conversion) -> Any:
    """The graph of a conversion, as a model of OpenVINO."""
    return _core().read_model(conversion.graph, conversion.weights)


def _refuse_strange(model: Any, size: int) -> None:
    """Reject graphs that no network of Twinlens has: a file from elsewhere could ask for any amount of memory.

    Raises:
        ValueError: it does not map one picture of `size` pixels to one vector, or a result is too large or of a size
            that depends on the picture.
    """
    if len(model.inputs) != 1 or str(model.input(0).get_partial_shape()) != f"[1,{size},{size},3]":
        raise ValueError(f"its input is not one picture of {size} pixels")
    for op in model.get_ops():
        if op.get_type_name() in _REFUSED:
            raise ValueError(f"it has the operation {op.get_type_name()}")
        for output in op.outputs():
            shape = output.get_partial_shape()
            if shape.is_dynamic or int(np.prod(shape.to_shape(), dtype=np.float64)) > _LARGEST_TENSOR:
                raise ValueError(f"{op.get_type_name()} has a result of the shape {shape} for one picture")
    if len(model.outputs) != 1 or model.output(0).get_partial_shape().rank.get_length() != 2:
        raise ValueError("its output is not one vector")


@cache
def _core() -> Any:
    return openvino().Core()


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Make modules fail to import in this block, if they are not imported already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None, which stops an import
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
