"""The projection against a singular value decomposition, and a run that joins its network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.training import TrainConfig, train
from indexer.training.config import JoinConfig
from indexer.training.joining import principal_projection
from search.encoders import load_encoder


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_the_projection_matches_the_svd(whitening: float) -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(300, 7)) @ generator.normal(size=(7, 7)) + 3).astype(np.float32)
    weight, bias = principal_projection(rows, 4, whitening)
    projected = rows @ weight.T + bias
    centred = rows - rows.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    expected = centred @ axes[:4].T / (singular[:4] / np.sqrt(len(rows))) ** whitening
    np.testing.assert_allclose(projected @ projected.T, expected @ expected.T, rtol=1e-3, atol=1e-3)


def test_axes_beyond_the_rank_are_zeros() -> None:
    rows = np.tile(np.eye(3, dtype=np.float32), (4, 1))
    weight, bias = principal_projection(rows, 5, 1.0)
    assert np.isfinite(weight).all()
    assert not weight[2:].any()
    assert np.abs((rows @ weight.T + bias)[:, :2]).max() > 0.1
    assert not principal_projection(np.ones((4, 3), np.float32), 2, 0.5)[0].any()


def test_a_run_ends_with_the_joined_encoder(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    joined = replace(config, join=JoinConfig(dim=12, pictures=10))
    train(collection, tmp_path / "out", config=joined)
    encoder = load_encoder(str(tmp_path / "out"), device="cpu", runtime="torch")
    assert encoder.dim == 12
    assert encoder.architecture["network"]["kind"] == "joined"
    assert encoder.card["final"]["recall_at_1"] is not None
    paths = sorted(collection.rglob("*.png"))
    vectors = encoder.encode([Image.open(path) for path in paths])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    nearest = (vectors @ vectors.T - 2 * np.eye(len(paths))).argmax(axis=1)
    assert (
        np.mean([paths[i].parent == paths[j].parent for i, j in enumerate(nearest)]) > 0.9
    )  # the classes differ by hue
