"""Encoders whose folder holds a conversion for OpenVINO: a query on a CPU then imports no torch.

A conversion is derived from the weights. It is not part of the fingerprint, and if it cannot be used, torch computes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from search.encoders.base import Encoder
from search.encoders.manifest import read_manifest
from search.encoders.openvino_conversion import read_conversion, write_conversion
from search.encoders.openvino_runtime import CompiledNetwork, Conversion, ConversionError, available
from search.encoders.preprocessing import Preprocessing, squash
from search.encoders.runtime_keys import CONVERSION, PRECISION, is_convertible, precision_of, runtime_keys
from search.encoders.weights_digest import digest_of_file
from search.encoders.weights_file import WEIGHTS_FILE
from search.errors import DamagedFileError, EncoderError
from search.files.reading import open_regular
from search.files.writing import is_regular, write_file
from search.forks import fork_count, forked

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device, Precision
    from search.encoders.manifest import Manifest
    from search.types import Floats


class ConvertedEncoder(Encoder):
    """A saved encoder of any family with a network, computed by OpenVINO on the CPU."""

    family: ClassVar[str] = "converted"

    def __init__(self, folder: Path, manifest: Manifest, conversion: Conversion, precision: Precision) -> None:
        """Compile the conversion of the encoder that `folder` holds.

        Raises:
            ConversionError: OpenVINO cannot use it.
        """
        self.name, self.dim, self.input_size = manifest.name, manifest.dim, manifest.input_size
        self.fingerprint = manifest.fingerprint
        self.precision = precision
        self.card = dict(manifest.extra.get("card") or {})
        self._folder, self._manifest, self._conversion = folder, manifest, conversion
        self._fork = fork_count()
        self._network = CompiledNetwork(conversion, self.input_size, precision)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """Squash one RGB picture to `(S, S, 3) uint8`."""
        return squash(image, self.input_size)

    def forward(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, S, S, 3) uint8` as `(B, dim) float32`.

        Raises:
            ForkError: the process was forked after this encoder was loaded.
        """
        if self._fork != fork_count():
            raise forked(f"the encoder {self.name}")
        return self._network.run(batch)

    def save(self, folder: Path) -> None:
        """Copy the weights and the conversion, then write `encoder.json`.

        Raises:
            EncoderError: the weights have changed since they were loaded.
        """
        try:
            with open_regular(self._folder / WEIGHTS_FILE) as weights:
                write_file(folder / WEIGHTS_FILE, weights.read())
        except (FileNotFoundError, DamagedFileError) as error:
            raise EncoderError(f"the weights of {self.name} were changed since they were loaded: {error}") from error
        self._manifest.verify(self._folder, digest_of_file(folder / WEIGHTS_FILE, _identity(self._manifest)))
        architecture = self._manifest.extra[CONVERSION]["architecture"]
        entry = write_conversion(folder, self._conversion, architecture)
        extra = {key: value for key, value in self._manifest.extra.items() if key not in (CONVERSION, PRECISION)}
        replace(self._manifest, extra={**extra, **runtime_keys(self.precision, entry)}).write(folder)

    @classmethod
    def load(cls, folder: Path, device: Device = "cpu") -> Self:
        """Open the encoder of a folder by its conversion.

        Raises:
            EncoderError: `encoder.json` is missing or damaged, or the conversion or the weights cannot be used.
        """
        manifest = read_manifest(folder)
        return cls.of(folder, manifest, precision_of(manifest))

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, precision: Precision) -> Self:
        """Open the encoder that a manifest describes, after comparing the weights with its fingerprint.

        Raises:
            EncoderError: there is no conversion, or the conversion or the weights cannot be used.
        """
        entry = manifest.extra.get(CONVERSION)
        if not isinstance(entry, dict):
            raise ConversionError("it has no conversion for OpenVINO")
        Preprocessing.from_json(manifest.input_size, manifest.preprocessing)
        weights = folder / WEIGHTS_FILE
        manifest.verify(folder, digest_of_file(weights, _identity(manifest)))
        return cls(folder, manifest, read_conversion(folder, entry, weights.stat().st_size), precision)


def conversion_problem(folder: Path) -> str | None:
    """Why OpenVINO, if it is installed, cannot compute the saved encoder of a folder; None if it can, or need not.

    Raises:
        EncoderError: `encoder.json` or the weights are damaged.
    """
    if not available() or not is_regular(folder / WEIGHTS_FILE) or not is_convertible(read_manifest(folder).family):
        return None
    try:
        ConvertedEncoder.load(folder)
    except ConversionError as error:
        return str(error)
    return None


def _identity(manifest: Manifest) -> dict[str, Any]:
    """What the fingerprint covers beside the weights: see `TorchEncoder`."""
    keys = manifest.extra[CONVERSION].get("architecture")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ConversionError("encoder.json does not list the keys of its architecture")
    return {
        "family": manifest.family,
        "dim": manifest.dim,
        "input_size": manifest.input_size,
        "preprocessing": manifest.preprocessing,
        "architecture": {key: manifest.extra.get(key) for key in keys},
    }
