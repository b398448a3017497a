"""The contract of every encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.errors import EncoderError
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device
    from search.types import Floats


class Encoder(ABC):
    """Turns RGB pictures into unit vectors.

    A subclass writes `prepare` (one picture to one array, run in the decoder's threads) and `forward` (a stack of
    those arrays to raw embeddings); this class checks shapes and makes rows unit length.
    """

    family: ClassVar[str]
    """The key of the table in `search.encoders` under which a saved encoder of this class is found again."""

    name: str
    """As the user gave it: `builtin`, `color-layout`, `torchvision:resnet18`."""
    dim: int
    input_size: int
    """Longer side, in pixels, that `prepare` works at: the decoder need not deliver much more."""
    fingerprint: str
    """Hex digest of all that decides the vectors: family, preprocessing, weights. Two encoders with one
    fingerprint give the same vectors."""

    @abstractmethod
    def prepare(self, image: Image) -> NDArray[Any]:
        """Resize one RGB picture to the array that `forward` stacks. Thread-safe."""

    @abstractmethod
    def forward(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, ...)` prepared arrays as `(B, dim) float32`, not yet unit length."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write `encoder.json`, and `weights.safetensors` where there are weights, into an existing folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: Device = "auto") -> Encoder:
        """Read back what `save` wrote: the same fingerprint and, on the same machine, the same vectors to the bit.

        Raises:
            EncoderError: a file is missing, damaged, or of another version.
        """

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> Encoder:
        """Make the encoder of a name, such as `torchvision:resnet18`, without a folder.

        Raises:
            EncoderError: there is no such encoder, its weights cannot be fetched, or this family comes from a
                folder only (unless a subclass says otherwise).
        """
        raise EncoderError(f"{name!r}: an encoder of the family {cls.family!r} comes from a folder, not from a name")

    def encode_prepared(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, ...)` prepared arrays as `(B, dim) float32` unit rows.

        Raises:
            EncoderError: the network cannot take such pictures, or gave another shape or a number that is not finite.
        """
        if len(batch) == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        try:
            raw = np.asarray(self.forward(batch), dtype=np.float32)
        except (ValueError, RuntimeError) as error:  # a network whose layers do not fit what `encoder.json` says
            reason = reason_of(error)
            raise EncoderError(
                f"encoder {self.name} cannot embed pictures of {self.input_size} pixels: {reason}"
            ) from error
        if raw.shape != (len(batch), self.dim):
            raise EncoderError(f"encoder {self.name} gave shape {raw.shape}, expected {(len(batch), self.dim)}")
        if not np.isfinite(raw).all():
            raise EncoderError(f"encoder {self.name} gave values that are not finite: its weights are damaged")
        return unit_rows(raw)

    def encode(self, images: Sequence[Image]) -> Floats:
        """Embed RGB pictures as `(B, dim) float32` unit rows."""
        if len(images) == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        return self.encode_prepared(np.stack([self.prepare(image.convert("RGB")) for image in images]))


def unit_rows(vectors: Floats) -> Floats:
    """Divide rows `(N, D)` by their Euclidean norm; a zero row becomes the first axis, so that every row is a unit."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Floats = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    units[norms[:, 0] == 0, 0] = 1.0
    return units.astype(np.float32, copy=False)
