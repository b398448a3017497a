"""The last stages of a pretrained network, trained on cached maps, against the network as a whole and slow loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from indexer.training.cached_maps import Above, Below, cached
from indexer.training.config import FineTuneConfig, TeacherConfig
from indexer.training.fine_tuning import difference, fine_tune
from indexer.training.recipes import fine_tuning_names, load_combination, load_fine_tuning
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import EfficientNetLite
from search.errors import DataError
from tests.conftest import draw

SPEC = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 6}
CONFIG = FineTuneConfig(
    name="tiny",
    network=SPEC,
    teachers=(TeacherConfig("lite0", 64),),
    size=64,
    steps=2,
    classes_per_batch=4,
    classes_per_folder=2,
    views_per_class=2,
    held_out=("set2",),
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three sets of two classes with three pictures each."""
    for number in range(18):
        path = tmp_path / "pictures" / f"set{number % 3}" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number, (64, 64)).save(path)
    return tmp_path / "pictures"


def pretrained() -> EfficientNetLite:
    network = build_network(SPEC, pretrained=True).eval()
    assert isinstance(network, EfficientNetLite)
    return network


def test_the_two_halves_are_the_network() -> None:
    network, views = pretrained(), torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    below, above = Below(network, 5).eval(), Above(network, 5)
    with torch.inference_mode():
        maps = below(views).view(3, 4, 4, -1)
        assert torch.allclose(above(maps), functional.normalize(network(views)), atol=1e-5)


@pytest.mark.slow
def test_only_the_last_stages_and_the_head_change(pictures: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    encoder = fine_tune(pictures, tmp_path / "work", tmp_path / "out", CONFIG, say=lines.append)
    before, after = pretrained().state_dict(), encoder.network.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("trunk.blocks")} == {"blocks"}
    assert {name.split(".")[2] for name in changed if name.startswith("trunk.blocks")} == {"5", "6"}
    assert "head.weight" in changed
    assert not any("running" in name for name in changed)
    assert lines[0].startswith("before: ")
    assert "set2" in encoder.card["held_out"]
    assert encoder.card["trained_on"]["folders"] == ["set0", "set1"]


@pytest.mark.slow
def test_the_saved_encoder_is_the_trained_one_in_half_the_space(pictures: Path, tmp_path: Path) -> None:
    encoder = fine_tune(pictures, tmp_path / "work", tmp_path / "out", CONFIG)
    loaded = load_encoder(str(tmp_path / "out"), device="cpu")
    assert isinstance(loaded, CheckpointEncoder)
    assert loaded.fingerprint == encoder.fingerprint
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["encoder.json", "weights.safetensors"]
    images = [draw(seed) for seed in range(3)]
    assert np.allclose(loaded.encode(images), encoder.encode(images), atol=1e-5)  # computed by torch and by OpenVINO


@pytest.mark.slow
def test_a_second_run_reads_what_was_computed_and_gives_the_same(pictures: Path, tmp_path: Path) -> None:
    first = fine_tune(pictures, tmp_path / "work", tmp_path / "out", CONFIG)
    kept = {each: each.stat().st_mtime_ns for each in (tmp_path / "work").iterdir()}
    second = fine_tune(pictures, tmp_path / "work", tmp_path / "again", CONFIG)
    assert {each: each.stat().st_mtime_ns for each in (tmp_path / "work").iterdir()} == kept
    assert first.fingerprint == second.fingerprint


def test_rows_are_cached_in_the_order_of_the_pictures(pictures: Path, tmp_path: Path) -> None:
    paths = sorted(pictures.glob("*/*/*.png"))

    def means(batch: np.ndarray) -> np.ndarray:
        return batch.reshape(len(batch), -1, 3).mean(axis=1).astype(np.float32)

    rows = cached(tmp_path / "rows.npy", paths, 64, means)
    expected = [np.asarray(draw(int(path.stem), (64, 64))).reshape(-1, 3).mean(axis=0) for path in paths]
    assert np.allclose(rows, expected, atol=0.2)
    longer = cached(tmp_path / "rows.npy", [*paths, paths[0]], 64, means)
    assert len(longer) == len(paths) + 1


def test_difference_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    own, theirs = (functional.normalize(torch.randn(5, 4, generator=generator)) for _ in range(2))
    total = 0.0
    for row in range(5):
        others = [each for each in range(5) if each != row]
        shares = []
        for vectors in (own, theirs):
            powers = [math.exp(float(vectors[row] @ vectors[other]) / 0.3) for other in others]
            shares.append([power / sum(powers) for power in powers])
        total += sum(t * math.log(t / o) for o, t in zip(*shares, strict=True))
    assert float(difference(own, theirs, 0.3)) == pytest.approx(total / 5, rel=1e-4)
    assert float(difference(own, own, 0.3)) == pytest.approx(0.0, abs=1e-6)


def test_all_folders_held_out(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all its folders are held out"):
        fine_tune(
            pictures,
            tmp_path / "work",
            tmp_path / "out",
            FineTuneConfig("x", SPEC, (), held_out=("set0", "set1", "set2")),
        )


def test_the_recipe_feeds_the_combination() -> None:
    assert fine_tuning_names() == ["photo"]
    assert load_fine_tuning("photo").network == load_combination("photo").parts[0].network
