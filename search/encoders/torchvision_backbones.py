"""`torchvision:NAME`: the classification models of torchvision, which only this module imports."""

from __future__ import annotations

import difflib
import re
from typing import Any, ClassVar

from torch import nn
from torchvision import models

from search.encoders.backbone_base import BackboneEncoder
from search.encoders.preprocessing import Preprocessing
from search.errors import EncoderError

_OPTIONS: dict[str, dict[str, Any]] = {
    # Otherwise the auxiliary heads and the scaling of pixels of these two depend on whether weights are requested.
    "googlenet": {"aux_logits": False, "transform_input": True, "init_weights": False},
    "inception_v3": {"aux_logits": False, "transform_input": True, "init_weights": False},
}


class TorchvisionEncoder(BackboneEncoder):
    """A model of `torchvision.models` without the layer of class scores, with its DEFAULT weights."""

    family: ClassVar[str] = "torchvision"

    @classmethod
    def build(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build the headless model with the size, mean and deviation of its DEFAULT weights."""
        known = models.list_models(module=models)
        if model not in known:
            similar = difflib.get_close_matches(model, known, n=5, cutoff=0.4) or ["resnet18", "mobilenet_v3_small"]
            raise EncoderError(
                f"torchvision has no classification model {model!r}. Similar names: {', '.join(similar)}"
            )
        network = models.get_model(model, weights=None, **_OPTIONS.get(model, {}))
        remove_head(network)
        transforms = models.get_model_weights(model).DEFAULT.transforms()
        return network, Preprocessing.of(transforms.crop_size[0], transforms.mean, transforms.std)

    @classmethod
    def fetch(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Download the DEFAULT weights, or read them from torch's cache."""
        network, preprocessing = cls.build(model)
        # With `weights_only`, torch reads only tensors and runs no code from the file.
        fetched = models.get_model_weights(model).DEFAULT.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
        renamed = {_current_name(key): tensor for key, tensor in fetched.items()}
        # The file also holds the head and, for two old models, auxiliary heads; a missing tensor raises.
        network.load_state_dict({key: renamed[key] for key in network.state_dict()})
        return network, preprocessing


def remove_head(network: nn.Module) -> None:
    """Replace the layer that computes the class scores, the last linear layer or convolution, by an identity.

    Only SqueezeNet ends in a convolution; its pooling follows and stays.
    """
    layers = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    name, _ = layers[-1]
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())


def _current_name(key: str) -> str:
    """Convert the old weight names of DenseNet, such as `denselayer1.norm.1` for `denselayer1.norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", key)
