"""Base class of encoders with a network: preprocessing, device, float32 inference, fingerprint, saving."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from search.encoders.base import Encoder
from search.encoders.manifest import Manifest
from search.encoders.openvino_conversion import convert, write_conversion
from search.encoders.openvino_runtime import CompiledNetwork, ConversionError, available
from search.encoders.parallel_parts import in_parts
from search.encoders.precision import full_float32
from search.encoders.preprocessing import Preprocessing, squash
from search.encoders.runtime_keys import is_convertible, runtime_keys
from search.encoders.steady import PADDING, with_steady_rows
from search.encoders.weights_digest import digest
from search.encoders.weights_file import read_weights, write_weights
from search.errors import UnsupportedError
from search.forks import fork_count, forked

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import nn

    from search.config import Device
    from search.encoders.openvino_runtime import Conversion
    from search.types import Floats

MAX_BATCH = 256
"""Larger batches are split on a GPU to bound memory."""


class TorchEncoder(Encoder):
    """A network in evaluation mode on one device.

    The network maps `(B, 3, S, S) float32` to `(B, dim)`. Everything runs in float32, including on a GPU (no autocast,
    no TF32), so that the vectors of two devices differ only by rounding and one index serves both. On a CPU, the vector
    of a picture does not depend on the rest of its batch: see `search.encoders.steady`.
    On a CPU the network is converted for OpenVINO before the first picture, if OpenVINO is installed and supports it.
    The network is modified: it is put in evaluation mode, moved to the device and to channels-last memory, and its
    linear layers are replaced by steady ones. Pass a copy if it is still being trained.
    """

    family: ClassVar[str]

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        dim: int,
        preprocessing: Preprocessing,
        architecture: dict[str, Any],
        device: Device = "auto",
    ) -> None:
        """Store the network; `architecture` are the family's keys of `encoder.json` that determine the vectors."""
        self.name = name
        self.dim = dim
        self.input_size = preprocessing.input_size
        self.preprocessing = preprocessing
        self.architecture = architecture
        self.device = resolve_device(device)
        self._fork = fork_count()
        self._lock = Lock()
        self._in_float32: CompiledNetwork | None = None  # what the conversion was checked with
        self.network: nn.Module = with_steady_rows(network).eval()
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = _channels(preprocessing.mean, self.device)
        self._std = _channels(preprocessing.std, self.device)
        self.fingerprint = fingerprint_of(
            self.network, {"family": self.family, "dim": dim, "input_size": self.input_size, **self._identity()}
        )

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """Squash one RGB picture to `(S, S, 3) uint8`."""
        return squash(image, self.input_size)

    def forward(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, S, S, 3) uint8` as `(B, dim) float32`, a bounded number of pictures at once.

        Raises:
            ForkError: the process was forked after this encoder was loaded.
        """
        self.require_own_process()
        with self._lock:  # one thread converts and compiles, the others wait
            compiled = self._compiled
        if compiled is not None:
            return compiled.run(batch)
        if self.device.type == "cpu":
            return np.concatenate(in_parts(batch, self._embed))
        with full_float32(self.device):
            parts = [self._embed(batch[start : start + MAX_BATCH]) for start in range(0, len(batch), MAX_BATCH)]
        return np.concatenate(parts)

    def require_own_process(self) -> None:
        """Raise ForkError if the process was forked after this encoder was loaded."""
        if self._fork != fork_count():
            raise forked(f"the encoder {self.name}")

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors`, the conversion if OpenVINO is installed, then `encoder.json`."""
        write_weights(folder, self.network)
        with self._lock:
            conversion = self._conversion
        entry = None if conversion is None else write_conversion(folder, conversion, list(self.architecture))
        Manifest(
            family=self.family,
            name=self.name,
            dim=self.dim,
            input_size=self.input_size,
            preprocessing=self.preprocessing.to_json(),
            fingerprint=self.fingerprint,
            extra={**self.extra(), **runtime_keys(self.precision, entry)},
        ).write(folder)

    def extra(self) -> dict[str, Any]:
        """The family's own keys of `encoder.json`."""
        return dict(self.architecture)

    def _identity(self) -> dict[str, Any]:
        return {"preprocessing": self.preprocessing.to_json(), "architecture": self.architecture}

    @cached_property
    def _conversion(self) -> Conversion | None:
        try:
            if not (available() and is_convertible(self.family)):
                return None
            conversion, in_float32 = convert(self.network, self.preprocessing)
        except ConversionError:
            return None
        self._in_float32 = in_float32 if self.precision == "float32" else None
        return conversion

    @cached_property
    def _compiled(self) -> CompiledNetwork | None:
        if self.runtime == "torch" or self.device.type != "cpu" or self._conversion is None:
            return None
        try:
            return self._in_float32 or CompiledNetwork(self._conversion, self.input_size, self.precision)
        except ConversionError:
            return None

    @torch.inference_mode()
    def _embed(self, batch: NDArray[Any]) -> Floats:
        # `(B, H, W, C)` in memory, viewed as `(B, C, H, W)`, is already channels-last: no second copy is needed.
        pixels = self._padded(batch).to(self.device, non_blocking=True)
        normalised = pixels.permute(0, 3, 1, 2).float().div_(255.0).sub_(self._mean).div_(self._std)
        vectors: Floats = self.network(normalised).float().cpu().numpy()
        return vectors[: len(batch)]

    def _padded(self, batch: NDArray[Any]) -> torch.Tensor:
        """Copy to a tensor: with black pictures up to a multiple of `PADDING` on a CPU (see `search.encoders.steady`),
        in pinned memory for a GPU.
        """
        on_cpu = self.device.type == "cpu"
        rows = len(batch)
        shape = (rows + (-rows % PADDING if on_cpu else 0), *batch.shape[1:])
        padded = torch.zeros(shape, dtype=torch.uint8, pin_memory=not on_cpu)
        padded.numpy()[:rows] = batch
        return padded


def resolve_device(device: Device) -> torch.device:
    """Resolve `auto` to the GPU if there is one.

    Raises:
        UnsupportedError: `cuda` is requested and there is no GPU.
    """
    available = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if available else "cpu")
    if device == "cuda" and not available:
        raise UnsupportedError("device 'cuda' is not available: torch finds no GPU here. Use 'cpu' or 'auto'")
    return torch.device(device)


def fingerprint_of(network: nn.Module, identity: dict[str, Any]) -> str:
    """Hash an identity and every weight of the state of a network: see `search.encoders.weights_digest`."""
    state = ((name, tensor.detach().cpu().contiguous()) for name, tensor in sorted(network.state_dict().items()))
    return digest(
        identity,
        (
            (name, str(tensor.dtype), tuple(tensor.shape), tensor.flatten().view(torch.uint8).numpy())
            for name, tensor in state
        ),
    )


def load_network_weights(network: nn.Module, folder: Path) -> None:
    """Load `weights.safetensors` into a network of the right architecture.

    Raises:
        EncoderError: the file is missing or damaged, or its tensors have other names, shapes or dtypes.
    """
    network.load_state_dict(read_weights(folder, network))


def _channels(values: tuple[float, float, float], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).view(1, 3, 1, 1)
