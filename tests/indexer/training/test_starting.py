from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.training import TrainConfig, train
from indexer.training.trainer import start_from
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.errors import DataError


def test_a_run_starts_from_an_encoder(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    train(collection, tmp_path / "first", config=config)
    still = replace(config, learning_rate=1e-12, weight_decay=0.0, steps=1, evaluate_every=1)
    train(collection, tmp_path / "second", config=replace(still, start=str(tmp_path / "first"), seed=5))
    first, second = (load_encoder(str(tmp_path / name), runtime="torch") for name in ("first", "second"))
    assert isinstance(first, CheckpointEncoder)
    assert isinstance(second, CheckpointEncoder)
    before, after = (dict(each.network.named_parameters()) for each in (first, second))
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_a_run_starts_from_the_learned_part_of_the_encoder_small() -> None:
    small = load_encoder("small", device="cpu")
    assert isinstance(small, CheckpointEncoder)
    spec = small.architecture["network"]["learned"]
    network = build_network(spec)
    start_from(network, spec, "small")
    pixels = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        actual, expected = network.eval()(pixels), small.network.get_submodule("learned")(pixels)
    np.testing.assert_allclose(actual.numpy(), expected.numpy(), atol=1e-4)


def test_an_encoder_without_a_matching_network_is_rejected() -> None:
    network, spec = torch.nn.Linear(1, 1), {"kind": "mlp", "size": 8, "dim": 2}
    with pytest.raises(DataError, match="Set network to that"):
        start_from(network, spec, "small")
    with pytest.raises(DataError, match="has no network"):
        start_from(network, spec, "color-layout")
