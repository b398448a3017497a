"""Encoders that `twinlens train` writes, including `small`."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any, ClassVar

from search.encoders.borrowed_weights import BORROWED, BorrowedWeights, lenders_of
from search.encoders.budget import within_weights
from search.encoders.manifest import read_manifest
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from search.encoders.torch_base import TorchEncoder
from search.encoders.weights_file import WEIGHTS_FILE, read_weights
from search.errors import EncoderError
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from search.config import Device

_LONGEST_SPEC = 300
"""Maximum length in characters of a network's spec in an error message."""


class CheckpointEncoder(TorchEncoder):
    """A network of `search.encoders.networks`, rebuilt from its spec."""

    family: ClassVar[str] = "checkpoint"

    def __init__(
        self,
        network: nn.Module,
        network_spec: dict[str, Any],
        *,
        name: str,
        input_size: int,
        dim: int,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        card: dict[str, Any] | None = None,
        device: Device = "auto",
    ) -> None:
        """Wrap a network that `build_network(network_spec)` can rebuild; the spec holds plain JSON values."""
        self.card = dict(card or {})
        super().__init__(
            network,
            name=name,
            dim=dim,
            preprocessing=Preprocessing.of(input_size, mean, std),
            architecture={"network": dict(network_spec)},
            device=device,
        )

    def extra(self) -> dict[str, Any]:
        """Add the model card, which is not part of the fingerprint."""
        return {**super().extra(), "card": self.card}

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> CheckpointEncoder:
        """Rebuild the network of a saved checkpoint and verify its fingerprint.

        Raises:
            EncoderError: a file is missing, damaged or of another version.
        """
        manifest = read_manifest(folder)
        spec = manifest.require("network", dict)
        preprocessing = Preprocessing.from_json(manifest.input_size, manifest.preprocessing)
        lenders = manifest.extra.get(BORROWED, [])
        borrowed = BorrowedWeights(lenders_of(folder, lenders))
        network = _build(folder, spec, borrowed.tensors)
        network.load_state_dict(read_weights(folder, network, borrowed.named(network.state_dict())))
        encoder = cls(
            network,
            spec,
            name=manifest.name,
            input_size=manifest.input_size,
            dim=manifest.dim,
            mean=preprocessing.mean,
            std=preprocessing.std,
            card={**(manifest.extra.get("card") or {}), **({BORROWED: lenders} if lenders else {})},
            device=device,
        )
        manifest.verify(folder, encoder.fingerprint)
        return encoder


def _build(folder: Path, spec: dict[str, Any], borrowed: list[Tensor]) -> nn.Module:
    from search.encoders.networks import build_network

    try:
        with within_weights(folder / WEIGHTS_FILE, borrowed):
            return build_network(spec)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError, MemoryError) as error:
        reason, named = reason_of(error), shorten(str(spec), _LONGEST_SPEC)
        raise EncoderError(f"{folder}: this version cannot build the network {named}: {reason}") from error
