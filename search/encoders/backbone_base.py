"""Base class for the backbones of torchvision and timm: names, random weights, saving, and loading offline."""

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
    """A library's classification network without its last layer, whose input is the embedding.

    Subclasses implement `build` and `fetch`. Random weights come from a fixed seed, so they are reproducible within a
    version of torch.
    """

    def __init__(
        self, network: nn.Module, model: str, preprocessing: Preprocessing, *, name: str, device: Device = "auto"
    ) -> None:
        """Wrap the headless network that the library calls `model`; a dry run determines its dimension."""
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
        """Build the headless network with random weights, without network access.

        Raises:
            EncoderError: the library does not know the model.
        """

    @classmethod
    @abstractmethod
    def fetch(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build the headless network with pretrained weights; any exception means that they cannot be obtained."""

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> BackboneEncoder:
        """Create `FAMILY:MODEL` with pretrained weights, or `FAMILY:MODEL@random`.

        Raises:
            EncoderError: the model is unknown, or its weights cannot be downloaded.
        """
        resolve_device(device)  # a missing device is reported before the download
        model_name = name.partition(":")[2]
        model = model_name.removesuffix(RANDOM)
        with seeded():
            network, preprocessing = cls.build(model) if model_name.endswith(RANDOM) else cls._fetch(name, model)
        return cls(network, model, preprocessing, name=name, device=device)

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> BackboneEncoder:
        """Rebuild a saved network with the weights and preprocessing in the folder, not those of the library.

        Raises:
            EncoderError: a file is missing or damaged, or the library no longer knows the model.
        """
        manifest = read_manifest(folder)
        model = manifest.require("model", str)
        try:
            with seeded(), within_weights(folder / WEIGHTS_FILE):
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
        except Exception as error:  # model hubs raise the exceptions of whichever HTTP library they use
            raise EncoderError(
                f"the pretrained weights of {name} could not be downloaded ({type(error).__name__}: {error}). "
                f"Try again with a network connection, use 'small', or {name}{RANDOM} for random weights"
            ) from error


@contextmanager
def seeded() -> Iterator[None]:
    """Draw random weights from a fixed seed without changing the state of torch's generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        yield


@torch.no_grad()  # not inference mode: tensors that a network creates in it could not be trained
def feature_dim(name: str, network: nn.Module, size: int) -> int:
    """Determine the number of features of a headless network by a dry run, and leave it in evaluation mode.

    Raises:
        EncoderError: it does not return one vector per picture.
    """
    features = network.eval()(torch.zeros(1, 3, size, size))
    if not isinstance(features, torch.Tensor) or features.dim() != 2:
        raise EncoderError(f"{name} does not return one vector per picture without its last layer: use another model")
    return features.shape[1]
