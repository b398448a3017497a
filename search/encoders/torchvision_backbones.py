"""`torchvision:NAME`: the classification models of torchvision. The only home of torchvision."""

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
    # Without these two the side heads, and the way pixels are scaled, depend on whether weights were asked for.
    "googlenet": {"aux_logits": False, "transform_input": True, "init_weights": False},
    "inception_v3": {"aux_logits": False, "transform_input": True, "init_weights": False},
}


class TorchvisionEncoder(BackboneEncoder):
    """A model of `torchvision.models` up to the layer before its class scores, with its DEFAULT weights."""

    family: ClassVar[str] = "torchvision"

    @classmethod
    def build(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build the model, headless, with the size, mean and deviation of its DEFAULT weights."""
        known = models.list_models(module=models)
        if model not in known:
            near = difflib.get_close_matches(model, known, n=5, cutoff=0.4) or ["resnet18", "mobilenet_v3_small"]
            raise EncoderError(f"torchvision has no classification model {model!r}: near it are {', '.join(near)}")
        network = models.get_model(model, weights=None, **_OPTIONS.get(model, {}))
        remove_head(network)
        transforms = models.get_model_weights(model).DEFAULT.transforms()
        return network, Preprocessing.of(transforms.crop_size[0], transforms.mean, transforms.std)

    @classmethod
    def fetch(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Download the DEFAULT weights, or take them from torch's own cache."""
        network, preprocessing = cls.build(model)
        # `weights_only`: torch then reads tensors and runs nothing of what a file may hold beside them.
        fetched = models.get_model_weights(model).DEFAULT.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
        renamed = {_current_name(key): tensor for key, tensor in fetched.items()}
        # The file holds the head too, and for two old models side heads; a tensor that it lacks raises.
        network.load_state_dict({key: renamed[key] for key in network.state_dict()})
        return network, preprocessing


def remove_head(network: nn.Module) -> None:
    """Put an identity in place of the layer that gives the class scores: the last linear layer or convolution.

    Only SqueezeNet ends in a convolution; its pooling follows and stays.
    """
    layers = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    name, _ = layers[-1]
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())


def _current_name(key: str) -> str:
    """Undo the names of DenseNet's old weights, `denselayer1.norm.1` for `denselayer1.norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", key)
