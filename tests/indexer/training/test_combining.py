"""Networks combined without a training, against loops over pictures in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from indexer.training.combining import combine, main, sample
from indexer.training.config import CombineConfig, DiscriminantConfig, PartConfig
from indexer.training.recipes import combination_names, load_combination, recipe_names
from search.encoders import load_encoder
from search.errors import DataError
from tests.conftest import draw
from tests.search.encoders.made import checkpoint

LITE = PartConfig(
    network={"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 6}, size=64
)
CONFIG = CombineConfig(
    name="tiny", parts=(LITE, PartConfig(encoder="small", weight=0.5)), dim=8, held_out=("shut",), pictures=12
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three folders of sets with two classes each; what is in `shut` is no picture."""
    for number in range(16):
        path = tmp_path / "pictures" / f"set{number % 2}" / f"class{number % 4}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number, (64, 64)).save(path)
    (tmp_path / "pictures" / "shut" / "one").mkdir(parents=True)
    (tmp_path / "pictures" / "shut" / "one" / "broken.png").write_bytes(b"never opened")
    return tmp_path / "pictures"


def axes(rows: np.ndarray, dim: int) -> np.ndarray:
    """Projections of centred rows on their principal axes, by a singular value decomposition."""
    centred = rows - rows.mean(axis=0)
    return centred @ np.linalg.svd(centred)[2][:dim].T


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.slow
@torch.inference_mode()
def test_heads_and_projection_are_principal_axes(pictures: Path, tmp_path: Path) -> None:
    encoder = combine(pictures, tmp_path / "out", CONFIG)
    images = [Image.open(path).convert("RGB") for path in sample(pictures, CONFIG)]
    assert len(images) == 12
    squares = np.stack([np.asarray(image, dtype=np.float32) / 255 for image in images])
    given = torch.from_numpy((squares - encoder.preprocessing.mean) / encoder.preprocessing.std).float()
    lite = encoder.network.parts[0].pooled(given.permute(0, 3, 1, 2)).double().numpy()
    small = load_encoder("small", device="cpu").encode(images).astype(np.float64)
    expected = axes(np.hstack([unit(axes(lite, 6)) * (2 / 3) ** 0.5, small * (1 / 3) ** 0.5]), 8)
    actual = encoder.forward(np.stack([np.asarray(image) for image in images])).astype(np.float64)
    np.testing.assert_allclose(actual @ actual.T, expected @ expected.T, atol=1e-4)
    assert (encoder.dim, encoder.input_size, encoder.name) == (8, 64, "tiny")


@pytest.mark.slow
def test_what_others_provide_is_left_out_and_found_again(pictures: Path, tmp_path: Path) -> None:
    encoder = combine(pictures, tmp_path / "out", CONFIG)
    kept = load_file(tmp_path / "out" / "weights.safetensors")
    assert {name.partition(".")[0] for name in kept} == {"parts", "projection"}
    assert {name for name in kept if name.startswith("parts.")} == {
        "parts.0.head.weight",
        "parts.0.head.bias",
        "parts.0.pools.1.p",
    }
    loaded = load_encoder(tmp_path / "out", device="cpu")
    encoder.runtime = "torch"
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode([draw(3)]), encoder.encode([draw(3)]))
    assert loaded.card["fitted_to"] == {"pictures": 12, "folders": ["set0", "set1"]}
    assert loaded.card["never_opened"] == ["shut"]


@pytest.mark.slow
def test_a_trained_encoder_takes_the_place_of_a_part(pictures: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "trained").mkdir()
    trained = checkpoint(spec={**LITE.network, "dim": 24})
    trained.save(tmp_path / "trained")
    monkeypatch.setattr("indexer.training.combining.load_combination", lambda name: CONFIG)
    main(["photo", str(pictures), "--out", str(tmp_path / "out"), "--part", f"0={tmp_path / 'trained'}"])
    encoder = load_encoder(tmp_path / "out", device="cpu")
    spec = encoder.architecture["network"]
    assert [part["size"] for part in spec["parts"]] == [trained.input_size, 64]
    assert spec["parts"][0]["dim"] == 24
    assert encoder.card["config"]["parts"][0]["encoder"] == "trained"  # not where that folder lies
    assert torch.equal(encoder.network.parts[0].head.weight, trained.network.head.weight)
    assert torch.equal(encoder.network.parts[0].trunk.conv_stem.weight, trained.network.trunk.conv_stem.weight)
    assert "parts.0.trunk.conv_stem.weight" in load_file(tmp_path / "out" / "weights.safetensors")


@pytest.mark.slow
def test_progress_counts_pictures(pictures: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    combine(pictures, tmp_path / "out", CONFIG, advance=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12)


@pytest.mark.slow
def test_a_folder_held_out_by_option_takes_no_part_in_any_fit(pictures: Path, tmp_path: Path, monkeypatch) -> None:
    axes_of = DiscriminantConfig({"set0": 1.0, "set1": 1.0}, shrinkage=1.0)
    config = replace(CONFIG, heads=axes_of, discriminant=axes_of, held_out=())
    monkeypatch.setattr("indexer.training.combining.load_combination", lambda name: config)
    out = tmp_path / "out"
    main(["photo", str(pictures), "--out", str(out), "--hold-out", "shut", "--hold-out", "set1"])
    card = load_encoder(out, device="cpu").card
    assert card["fitted_to"]["folders"] == ["set0"]
    assert card["never_opened"] == ["shut", "set1"]
    assert card["config"]["heads"]["sets"] == card["config"]["discriminant"]["sets"] == {"set0": 1.0}


def test_folders_that_are_all_held_out_are_an_error(pictures: Path) -> None:
    closed = CombineConfig(name="x", parts=CONFIG.parts, dim=8, held_out=("set0", "set1", "shut"))
    with pytest.raises(DataError, match="all its folders are held out: set0, set1, shut"):
        sample(pictures, closed)


def test_an_encoder_without_a_network_is_an_error(pictures: Path, tmp_path: Path) -> None:
    wrong = CombineConfig(name="x", parts=(PartConfig(encoder="color-layout"),), dim=8)
    with pytest.raises(DataError, match="color-layout: has no network"):
        combine(pictures, tmp_path / "out", wrong)


@pytest.mark.parametrize("word", ["2=small", "x=small", "0=", "small"])
def test_a_wrong_part_is_an_error(word: str, pictures: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["photo", str(pictures), "--out", str(tmp_path / "out"), "--part", word])
    assert "must be N=ENCODER, with N from 0 to 1" in capsys.readouterr().err


def test_combinations_are_no_recipes_for_training() -> None:
    assert "photo" in combination_names()
    assert not set(combination_names()) & set(recipe_names())
    encoders = {name: load_combination(name).name for name in combination_names()}
    assert encoders.pop("signatures_lite") == "signatures"  # `signatures` is a recipe for training
    assert all(encoder == name.replace("_", "-") for name, encoder in encoders.items())
