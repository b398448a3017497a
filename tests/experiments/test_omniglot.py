import re
from pathlib import Path

import pytest

from experiments import omniglot, omniglot_settings
from experiments.stroke_views import NINE_VIEWS
from indexer.training import TrainConfig, load_recipe
from indexer.training.settings import with_settings
from tests.experiments.omniglot_made import make_omniglot, make_runs

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 1, "grid": 2, "dim": 8}


def small_recipe(name: str) -> TrainConfig:
    small = with_settings(load_recipe(name), ["input_size=16", "classes_per_batch=8"])
    return omniglot.replace(small, network=TINY)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    make_omniglot(tmp_path / "data" / "omniglot", ("Armenian", "Greek", "Latin", "Hebrew"))
    make_runs(tmp_path / "data" / "omniglot-runs")
    places = ("--datasets", tmp_path / "data", "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    return [*(str(each) for each in places), "--seeds", "1", "--steps", "2"]


@pytest.mark.slow
def test_from_pictures_to_page_and_again_from_stored_runs(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omniglot, "load_recipe", small_recipe)
    monkeypatch.setattr(omniglot, "NINE_VIEWS", NINE_VIEWS[:2])
    monkeypatch.setattr(omniglot, "TRIALS", 50)
    omniglot.main(arguments)
    page = tmp_path / "docs" / "results" / "omniglot.md"
    text = page.read_text()
    assert "| seed 0 |" in text
    assert len(re.findall(r"\d+\.\d\d%", text)) > 10
    for name in re.findall(r"\.\./images/(\S+\.png)", text):
        assert (tmp_path / "docs" / "images" / name).stat().st_size > 1000
    weights = tmp_path / "work" / "seed-0-2" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    omniglot.main(arguments)
    assert weights.stat().st_mtime_ns == before
    assert page.read_text() == text


def test_settings_are_tried_on_validation_alphabets(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(omniglot_settings, "load_recipe", small_recipe)
    monkeypatch.setattr(omniglot, "TRIALS", 50)
    monkeypatch.setattr(omniglot_settings, "VALIDATION", ("Armenian",))
    monkeypatch.setattr(omniglot_settings, "HELD_OUT", ("Greek",))
    omniglot_settings.main(["loss=triplet", "margin=0.2", "--steps", "2", *arguments[:4]])
    assert re.match(r"loss=triplet margin=0.2: 0\.\d minutes, error \d+\.\d\d%", capsys.readouterr().out)


def test_the_run_for_held_out_alphabets_opens_none_of_them() -> None:
    config = omniglot.without(omniglot.load_recipe("omniglot"), omniglot.HELD_OUT)
    assert config.held_out == tuple(f"{name}/*" for name in omniglot.HELD_OUT)
    assert not set(omniglot.HELD_OUT) & set(omniglot.VALIDATION)
    assert not omniglot.load_recipe("omniglot").held_out
