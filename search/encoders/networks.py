"""The networks that `twinlens train` trains, rebuilt from a few plain values.

A spec is JSON: `{"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [2, 2, 2], "pooled": 2, "dim": 128}`.
It stands in `encoder.json`, so a key may be added with a default that keeps old files true, never changed in meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from search.encoders.resnet import ResNet

KINDS: dict[str, Callable[..., nn.Module]] = {"resnet": ResNet}
"""What `kind` may say; the spec's other keys are the constructor's arguments."""


def build_network(spec: dict[str, Any]) -> nn.Module:
    """Build the network of a spec, with random weights.

    Raises:
        KeyError: no or an unknown `kind`.
        TypeError: a key that this kind does not take.
        ValueError: values that make no network.
    """
    return KINDS[spec["kind"]](**{key: value for key, value in spec.items() if key != "kind"})
