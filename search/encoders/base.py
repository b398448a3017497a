"""The interface of encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.errors import EncoderError, PictureError
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device, Precision, Runtime
    from search.types import Floats


class Encoder(ABC):
    """Embeds RGB pictures as unit vectors.

    Subclasses implement `prepare` (from one picture to one array, run in the decoder's threads) and `forward` (from a
    stack of those arrays to raw embeddings). This class checks shapes and normalises the rows.
    """

    family: ClassVar[str]
    """Key of this class in the table of `search.encoders`, by which a saved encoder is loaded."""

    name: str
    """The name as the user gave it: `photo`, `color-layout`, `torchvision:resnet18`."""
    dim: int
    input_size: int
    """Longer side, in pixels, of the pictures for `prepare`; the decoder need not deliver much larger ones."""
    fingerprint: str
    """Hex digest of everything that determines the vectors: family, preprocessing, weights. Encoders with the same
    fingerprint give the same vectors."""
    precision: Precision = "float32"
    """Precision of a network that OpenVINO computes on a CPU which has it; otherwise float32 is used. Vectors of both
    are within a cosine distance of 1e-3 (1e-2 for a blank picture), so that the fingerprint does not cover it. Set it
    before the first picture."""
    runtime: Runtime = "auto"
    """`auto` computes a network on a CPU with OpenVINO, if that is installed; `torch` does not."""

    @abstractmethod
    def prepare(self, image: Image) -> NDArray[Any]:
        """Resize one RGB picture to the array that `forward` expects. Thread-safe.

        Raises:
            PictureError: the picture does not show what this encoder embeds, such as a face.
        """

    @abstractmethod
    def forward(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, ...)` prepared arrays as `(B, dim) float32`, not yet of unit length."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write `encoder.json`, and `weights.safetensors` if there are weights, into an existing folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: Device = "auto") -> Encoder:
        """Load what `save` wrote: with the same fingerprint and, on the same machine, bit-identical vectors.

        Raises:
            EncoderError: a file is missing, damaged, or of another version.
        """

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> Encoder:
        """Create an encoder by name, such as `torchvision:resnet18`, without a folder.

        Raises:
            EncoderError: there is no such encoder, its weights cannot be downloaded, or encoders of this family are
                loaded from a folder (the default).
        """
        raise EncoderError(f"{name!r}: an encoder of the family {cls.family!r} comes from a folder, not from a name")

    def prepare_named(self, image: Image, name: str) -> NDArray[Any]:
        """As `prepare`, from a picture of any mode; an error refers to the picture as `name`."""
        try:
            return self.prepare(image.convert("RGB"))
        except PictureError as error:
            raise PictureError(name, error.reason) from error

    def encode_prepared(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, ...)` prepared arrays as `(B, dim) float32` unit rows.

        Raises:
            EncoderError: the network rejects such pictures, or returns another shape or non-finite values.
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
        return self.checked_rows(raw, len(batch))

    def checked_rows(self, raw: Floats, count: int) -> Floats:
        """Make raw embeddings `(count, dim)` unit rows; raises EncoderError for another shape or non-finite values."""
        if raw.shape != (count, self.dim):
            raise EncoderError(f"encoder {self.name} returned shape {raw.shape}, expected {(count, self.dim)}")
        if not np.isfinite(raw).all():
            raise EncoderError(f"encoder {self.name} returned non-finite values: its weights are damaged")
        return unit_rows(raw)

    def encode(self, images: Sequence[Image]) -> Floats:
        """Embed RGB pictures as `(B, dim) float32` unit rows; raises PictureError as `prepare`."""
        if len(images) == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        return self.encode_prepared(np.stack([self.prepare(image.convert("RGB")) for image in images]))


def unit_rows(vectors: Floats) -> Floats:
    """Divide rows `(N, D)` by their Euclidean norm; a zero row becomes the first unit vector."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Floats = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    units[norms[:, 0] == 0, 0] = 1.0
    return units.astype(np.float32, copy=False)
