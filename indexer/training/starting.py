"""The weights that a run begins from, where they are an encoder's and not random."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.errors import DataError

if TYPE_CHECKING:
    from torch import nn


def start_from(network: nn.Module, spec: dict[str, Any], encoder: str) -> None:
    """Copy the weights of an encoder's learned network, without what it was joined with, into one of the same spec.

    Raises:
        DataError: the encoder has no such network, or one of another spec.
        EncoderError: there is no such encoder, or it is damaged.
    """
    found = load_encoder(encoder, device="cpu")
    if not isinstance(found, CheckpointEncoder):
        raise DataError(f"start {encoder}: has no network that twinlens train wrote. Name builtin, or a folder")
    learned, known = found.network, found.architecture["network"]
    if known["kind"] == "joined":
        learned, known = learned.get_submodule("learned"), known["learned"]
    if known != json.loads(json.dumps(spec)):
        raise DataError(f"start {encoder}: its network is {json.dumps(known)}. Set network to that, or leave start out")
    network.load_state_dict(learned.state_dict())
