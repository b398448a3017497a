"""`timm:NAME`: the models of timm."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, ClassVar

from search.encoders.backbone_base import BackboneEncoder
from search.encoders.preprocessing import Preprocessing
from search.errors import EncoderError

try:
    import timm
    import timm.data
except ModuleNotFoundError as missing:
    raise EncoderError("timm is not installed, and timm:NAME needs it: pip install timm") from missing

_data: Any = timm.data
"""Typed as Any: timm does not declare which of its names are public."""

if TYPE_CHECKING:
    from torch import nn


class TimmEncoder(BackboneEncoder):
    """A model of timm without its classifier."""

    family: ClassVar[str] = "timm"

    @classmethod
    def build(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Build the headless model with the size, mean and deviation that timm gives for its weights."""
        return _make(model, pretrained=False)

    @classmethod
    def fetch(cls, model: str) -> tuple[nn.Module, Preprocessing]:
        """Download the weights, or read them from the hub's cache."""
        return _make(model, pretrained=True)


def _make(model: str, *, pretrained: bool) -> tuple[nn.Module, Preprocessing]:
    # Only timm's own names: `hf-hub:OWNER/MODEL` could not be rebuilt without the network.
    if not timm.is_model(model):
        similar = difflib.get_close_matches(model, timm.list_models(), n=5, cutoff=0.4) or ["mobilenetv4_conv_small"]
        raise EncoderError(f"timm {timm.__version__} has no model {model!r}. Similar names: {', '.join(similar)}")
    try:
        network: nn.Module = timm.create_model(model, pretrained=pretrained, num_classes=0)
    except RuntimeError as error:
        if pretrained:
            raise
        raise EncoderError(f"timm {timm.__version__} cannot build {model!r}: {error}") from error
    config = _data.resolve_model_data_config(network)
    _, height, width = config["input_size"]
    return network, Preprocessing.of(max(height, width), config["mean"], config["std"])
