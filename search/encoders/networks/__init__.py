"""The networks that `twinlens train` trains, rebuilt from a few plain values.

A spec is JSON; `kind` names the network, the other keys are its constructor's arguments:

    {"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [2, 2, 2], "pooled": 2, "dim": 128}
    {"kind": "backbone", "name": "torchvision:resnet18", "dim": 128, "head": "linear", "frozen": true}
    {"kind": "cnn", "size": 28, "widths": [32, 64], "hidden": [256], "dropout": 0.1, "gray": true, "dim": 64}
    {"kind": "mlp", "size": 28, "widths": [200, 100], "dim": 2}
    {"kind": "joined", "learned": {"kind": "resnet", ...}, "weights": [0.6, 0.2, 0.2], "dim": 256}

It stands in `encoder.json`, so a key may be added with a default that keeps old files true, never changed in meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from search.encoders.networks.joined import Joined
from search.encoders.networks.projected import ProjectedBackbone
from search.encoders.networks.resnet import ResNet
from search.encoders.networks.small import ConvNet, MultilayerPerceptron


def _joined(learned: dict[str, Any], **arguments: Any) -> Joined:
    """Build the learned part from its own spec, then join it."""
    return Joined(learned=build_network(learned), learned_dim=int(learned["dim"]), **arguments)


KINDS: dict[str, Callable[..., nn.Module]] = {
    "backbone": ProjectedBackbone,
    "cnn": ConvNet,
    "joined": _joined,
    "mlp": MultilayerPerceptron,
    "resnet": ResNet,
}
"""What `kind` may say."""


def build_network(spec: dict[str, Any], *, pretrained: bool = False) -> nn.Module:
    """Build the network of a spec, with random weights.

    `pretrained`, where a training begins, fetches a backbone's pretrained weights unless its spec says
    `"pretrained": false`; the other kinds have none. Whoever loads weights of their own leaves it out.

    Raises:
        KeyError: no or an unknown `kind`.
        TypeError: a key that this kind does not take, or one that is missing.
        ValueError: values that make no network.
        EncoderError: a backbone that its library does not know, or weights that cannot be fetched.
    """
    arguments = {key: value for key, value in spec.items() if key != "kind"}
    if spec["kind"] == "backbone":
        arguments["pretrained"] = pretrained and bool(arguments.get("pretrained", True))
    return KINDS[spec["kind"]](**arguments)
