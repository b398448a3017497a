"""The encoder `small` matches its recipe."""

import csv
from importlib import resources

import numpy as np
import pytest

from indexer.alterations import COPIES, Alteration
from indexer.training import load_recipe
from indexer.training.joining import joined_spec
from search import CutPoints
from search.config import DuplicatesConfig
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from tests.conftest import draw


def test_it_matches_its_recipe() -> None:
    encoder, recipe = load_encoder("small", device="cpu"), load_recipe("small")
    assert isinstance(encoder, CheckpointEncoder)
    assert recipe.join is not None
    assert encoder.architecture["network"] == joined_spec(recipe.network, recipe.join)
    assert (encoder.name, encoder.input_size, encoder.dim) == ("small", recipe.input_size, recipe.join.dim)
    assert encoder.card["recipe"] == "small"
    assert set(encoder.card["never_opened"]) == set(recipe.held_out)
    assert encoder.card["measured"]["recall_at_1"]
    points = CutPoints.of_card(encoder.card)
    assert points is not None
    assert points.near_copy == DuplicatesConfig.default_threshold


def test_its_history_is_shipped_but_no_state_to_resume() -> None:
    folder = resources.files("search.encoders") / "weights" / "small"
    assert sorted(each.name for each in folder.iterdir()) == ["encoder.json", "history.csv", "weights.safetensors"]
    rows = list(csv.DictReader((folder / "history.csv").read_text("utf-8").splitlines()))
    assert float(rows[-1]["recall_at_1"]) > float(rows[0]["recall_at_1"])


def test_its_weights_are_small() -> None:
    weights = resources.files("search.encoders") / "weights" / "small" / "weights.safetensors"
    assert len(weights.read_bytes()) < 12 * 2**20


@pytest.mark.thinned(5)
@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_it_finds_altered_pictures_among_others(copy: Alteration) -> None:
    encoder = load_encoder("small", device="cpu")
    pictures = [draw(seed) for seed in range(20)]
    originals, copies = encoder.encode(pictures), encoder.encode([copy.alter(each) for each in pictures])
    assert float(((copies @ originals.T).argmax(axis=1) == np.arange(20)).mean()) > 0.9
