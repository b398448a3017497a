"""What the backbones of torchvision and timm share: names, random weights, saving, loading back with no network."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from search.encoders.budget import TooLargeError, within_weights
from search.encoders.manifest import read_manifest
from search.encoders.preprocessing import Preprocessing
from search.encoders.torch_base import TorchEncoder, load_network_weights, resolve_device
from search.encoders.weights_file import WEIGHTS_FILE
from search.errors import EncoderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from search.config import Device

RANDOM = "@random"
_SEED = 20_150_317


class BackboneEncoder(TorchEncoder):
    """A classification network of a library without its last layer: the features before it are the embedding.

    A subclass writes `build` and `fetch`. Random weights come from a fixed seed, so that one version of torch gives
    the same ones each time.
    """

    def __init__(
        self, network: nn.Module, model: str, preprocessing: Preprocessing, *, name: str, device: Device = "auto"
    ) -> None:
        """Take over the headless network that the library calls `model`; its dimension is found by a dry run."""
        super().__init__(
            network,
            name=name,
            dim=feature_dim(name, network, preprocessing.input_size),
            preprocessing=preprocessing,
            architecture={"model": model},
            device=device,
        )

    @classmethod
    @abstractmethod
    def build(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build the headless network with random weights, with no network access.

        Raises:
            EncoderError: the library does not know the model.
        """

    @classmethod
    @abstractmethod
    def fetch(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build it with its pretrained weights; any exception means that they could not be had."""

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> BackboneEncoder:
        """Make `FAMILY:MODEL` with pretrained weights, or `FAMILY:MODEL@random`.

        Raises:
            EncoderError: an unknown model, or weights that cannot be fetched.
        """
        resolve_device(device)  # A device that is not there is told before a download, not after.
        wanted = name.partition(":")[2]
        model = wanted.removesuffix(RANDOM)
        with _seeded():
            network, preprocessing = cls.build(model) if wanted.endswith(RANDOM) else cls._fetch(name, model)
        return cls(network, model, preprocessing, name=name, device=device)

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> BackboneEncoder:
        """Rebuild the saved network; its weights and preprocessing are those of the folder, not the library's.

        Raises:
            EncoderError: a file is missing or damaged, or the library no longer knows the model.
        """
        manifest = read_manifest(folder)
        model = manifest.require("model", str)
        try:
            with _seeded(), within_weights(folder / WEIGHTS_FILE):
                network, _ = cls.build(model)
        except TooLargeError as error:
            raise EncoderError(f"damaged: {folder}: the model {model!r} does not fit: {error}") from error
        load_network_weights(network, folder)
        preprocessing = Preprocessing.from_json(manifest.input_size, manifest.preprocessing)
        encoder = cls(network, model, preprocessing, name=manifest.name, device=device)
        manifest.verify(folder, encoder.fingerprint)
        return encoder

    @classmethod
    def _fetch(cls, name: str, model: str) -> tuple[nn.Module, Preprocessing]:
        try:
            return cls.fetch(model)
        except EncoderError:
            raise
        except Exception as error:  # Hubs raise what their HTTP library of the day raises.
            raise EncoderError(
                f"the pretrained weights of {name} could not be fetched ({type(error).__name__}: {error}). "
                f"Try again with a network, use 'builtin', or {name}{RANDOM} for random weights"
            ) from error


@contextmanager
def _seeded() -> Iterator[None]:
    """Draw random weights from a fixed seed, and leave torch's own generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        yield


@torch.no_grad()  # Not inference mode: a tensor that a network keeps from it could not be trained with.
def feature_dim(name: str, network: nn.Module, size: int) -> int:
    """Find the number of features of a headless network by a dry run; it is left in evaluation mode.

    Raises:
        EncoderError: it does not give one vector a picture.
    """
    features = network.eval()(torch.zeros(1, 3, size, size))
    if not isinstance(features, torch.Tensor) or features.dim() != 2:
        raise EncoderError(f"{name} gives no single vector a picture without its last layer: choose another model")
    return features.shape[1]
