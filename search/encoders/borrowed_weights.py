"""Weights that a saved encoder leaves out of `weights.safetensors`, because a package or another encoder has them.

The encoders that this package ships do so, to be small. Their `encoder.json` says where the rest is:

    "borrowed": [
      {"prefix": "parts.0.trunk.", "package": {"name": ..., "version": ..., "file": ..., "sha256": ..., ...}},
      {"prefix": "parts.1.", "encoder": "small", "fingerprint": "..."}
    ]

`prefix` is the beginning of the names that are provided. A tensor that is in `weights.safetensors` all the same counts
instead of the borrowed one: that is how fine-tuned layers are shipped. An encoder in an index folder borrows nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from search.encoders import SHIPPED, own_folder
from search.encoders.manifest import MANIFEST_FILE, read_manifest
from search.encoders.openvino_conversion import CONVERSION_FILES
from search.encoders.package_weights import PackageFile, in_order, read_package_file
from search.encoders.runtime_keys import CONVERSION
from search.encoders.weights_file import WEIGHTS_FILE, read_tensors, write_tensors
from search.errors import EncoderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

BORROWED = "borrowed"
"""Key of `encoder.json`, and of the model card of an encoder that was saved with all its weights."""


@dataclass(frozen=True, slots=True)
class FromPackage:
    """Weights of an installed package, named by their order."""

    prefix: str
    package: PackageFile

    def read(self) -> dict[str, Tensor]:
        """The tensors of the package's file, under its own names."""
        return read_package_file(self.package)

    def named(self, tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under the names that a network's state has for them."""
        own = {name: tensor for name, tensor in state.items() if name.startswith(self.prefix)}
        return in_order(tensors, own, self.package.file)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `encoder.json`."""
        return {"prefix": self.prefix, "package": asdict(self.package)}


@dataclass(frozen=True, slots=True)
class FromEncoder:
    """The weights of another encoder that ships in this package, or those of one of its parts."""

    prefix: str
    encoder: str
    fingerprint: str
    inside: str = ""
    """Beginning of the names to take, such as `parts.0.`, which `prefix` replaces; empty for all weights."""

    def read(self) -> dict[str, Tensor]:
        """The tensors of the other encoder, under its own names.

        Raises:
            EncoderError: it is missing, damaged, or another version of it.
        """
        folder = own_folder(self.encoder)
        found = read_manifest(folder).fingerprint
        if found != self.fingerprint:
            raise EncoderError(
                f"damaged: {folder} has the fingerprint {found}, but an encoder that borrows its weights needs "
                f"{self.fingerprint}: reinstall Twinlens"
            )
        own = read_tensors(folder / WEIGHTS_FILE)
        return {name.removeprefix(self.inside): each for name, each in own.items() if name.startswith(self.inside)}

    def named(self, tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under the names that a network's state has for them."""
        return {f"{self.prefix}{name}": tensor for name, tensor in tensors.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values for `encoder.json`."""
        inside = {"inside": self.inside} if self.inside else {}
        return {"prefix": self.prefix, "encoder": self.encoder, "fingerprint": self.fingerprint, **inside}


Lender = FromPackage | FromEncoder


class BorrowedWeights:
    """The tensors of all lenders, read and not yet named."""

    def __init__(self, lenders: Iterable[Lender]) -> None:
        """Read them.

        Raises:
            EncoderError: a package or encoder is missing, has another version, or is damaged.
        """
        self._read = [(lender, lender.read()) for lender in lenders]

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, for their number and sizes."""
        return [tensor for _, tensors in self._read for tensor in tensors.values()]

    def named(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under the names of a network's state.

        Raises:
            EncoderError: they do not fit the network.
        """
        return {name: each for lender, tensors in self._read for name, each in lender.named(tensors, state).items()}


def lenders_of(folder: Path, listed: Any) -> list[Lender]:
    """Read the value of `borrowed` in the `encoder.json` of a folder.

    Raises:
        EncoderError: an entry is damaged, or names an encoder that is not shipped.
    """
    if not isinstance(listed, list):
        raise EncoderError(f"damaged: {folder / MANIFEST_FILE}: {BORROWED!r} must be a list, found {listed!r:.60}")
    return [_lender(folder, entry) for entry in listed]


def leave_out(folder: Path, state: Mapping[str, Tensor], lenders: Sequence[Lender]) -> None:
    """Take out of a saved encoder's folder what lenders provide; tensors that differ from theirs stay.

    A tensor whose values are all exact in half precision is stored so, in half the space. A conversion for OpenVINO is
    left out too: it holds all weights, and is made again when the encoder is loaded.

    Raises:
        EncoderError: what a lender provides is missing, or does not fit the network's state.
    """
    manifest = read_manifest(folder)
    lent = BorrowedWeights(lenders).named(state)
    own = {
        name: each
        for name, each in state.items()
        if name not in lent or not torch.equal(each.cpu(), lent[name].to(each.dtype))
    }
    for name in CONVERSION_FILES:
        (folder / name).unlink(missing_ok=True)
    kept = {key: value for key, value in manifest.extra.items() if key != CONVERSION}
    extra = {**kept, BORROWED: [lender.to_json() for lender in lenders]}
    write_tensors(folder / WEIGHTS_FILE, {name: _halved(each) for name, each in own.items()})
    replace(manifest, extra=extra).write(folder)


def _halved(tensor: Tensor) -> Tensor:
    half = tensor.half() if tensor.dtype == torch.float32 else tensor
    return half if torch.equal(half.to(tensor.dtype), tensor) else tensor


def _lender(folder: Path, entry: Any) -> Lender:
    try:
        if "package" in entry:
            _require_texts(entry["prefix"], *entry["package"].values())
            return FromPackage(entry["prefix"], PackageFile(**entry["package"]))
        _require_texts(entry["prefix"], entry["encoder"], entry["fingerprint"])
        if entry["encoder"] not in SHIPPED:
            raise ValueError(f"{entry['encoder']!r} is none of {', '.join(SHIPPED)}")
        inside = entry.get("inside", "")
        _require_texts(inside)
        return FromEncoder(entry["prefix"], entry["encoder"], entry["fingerprint"], inside)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise EncoderError(
            f"damaged: {folder / MANIFEST_FILE}: an entry of {BORROWED!r} cannot be read ({error}): {entry!r:.200}"
        ) from error


def _require_texts(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a value is not text")
