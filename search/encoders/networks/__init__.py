"""The networks that `twinlens train` trains, rebuilt from a spec of plain values.

A spec is JSON; `kind` names the network, and the other keys are arguments of its constructor:

    {"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [2, 2, 2], "pooled": 2, "dim": 128}
    {"kind": "backbone", "name": "torchvision:resnet18", "dim": 128, "head": "linear", "frozen": true}
    {"kind": "cnn", "size": 28, "widths": [32, 64], "hidden": [256], "dropout": 0.1, "gray": true, "dim": 64}
    {"kind": "mlp", "size": 28, "widths": [200, 100], "dim": 2}
    {"kind": "joined", "learned": {"kind": "resnet", ...}, "weights": [0.6, 0.2, 0.2], "dim": 256}
    {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 256}
    {"kind": "combined", "parts": [{"network": {...}, "size": 256, "dim": 256, "weight": 0.67}, ...], "dim": 384}

Specs are stored in `encoder.json`. A new key needs a default that keeps old files valid; no key changes its meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from search.encoders.networks.combined import Combined, Part
from search.encoders.networks.efficientnet_lite import EfficientNetLite
from search.encoders.networks.joined import Joined
from search.encoders.networks.projected import ProjectedBackbone
from search.encoders.networks.resnet import ResNet
from search.encoders.networks.small import ConvNet, MultilayerPerceptron


def _joined(learned: dict[str, Any], **arguments: Any) -> Joined:
    """Build the learned part from its own spec, then join it."""
    return Joined(learned=build_network(learned), learned_dim=int(learned["dim"]), **arguments)


def _combined(parts: list[dict[str, Any]], *, pretrained: bool, **arguments: Any) -> Combined:
    """Build each part from its own spec, then combine them."""
    built = [Part(**{**part, "network": build_network(part["network"], pretrained=pretrained)}) for part in parts]
    return Combined(parts=built, **arguments)


KINDS: dict[str, Callable[..., nn.Module]] = {
    "backbone": ProjectedBackbone,
    "cnn": ConvNet,
    "combined": _combined,
    "efficientnet_lite": EfficientNetLite,
    "joined": _joined,
    "mlp": MultilayerPerceptron,
    "resnet": ResNet,
}
"""The values of `kind`."""

_WITH_PRETRAINED = ("backbone", "combined", "efficientnet_lite")


def build_network(spec: dict[str, Any], *, pretrained: bool = False) -> nn.Module:
    """Build the network of a spec with random weights.

    `pretrained` downloads a backbone's pretrained weights, or reads those of an EfficientNet-Lite from their package,
    to start a training from, unless the spec says `"pretrained": false`; other kinds have none. Leave it out to load
    your own weights afterwards.

    Raises:
        KeyError: `kind` is missing or unknown.
        TypeError: a key is missing, or this kind does not have it.
        ValueError: the values do not define a network.
        EncoderError: the library does not know the backbone, or its weights cannot be downloaded or read.
    """
    arguments = {key: value for key, value in spec.items() if key != "kind"}
    if spec["kind"] in _WITH_PRETRAINED:
        arguments["pretrained"] = pretrained and bool(arguments.get("pretrained", True))
    return KINDS[spec["kind"]](**arguments)
