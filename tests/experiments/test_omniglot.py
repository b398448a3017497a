import re
from pathlib import Path

import pytest

from experiments import omniglot
from tests.experiments.omniglot_made import make_omniglot, make_runs

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 1, "grid": 2, "dim": 8}


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    make_omniglot(tmp_path / "data" / "omniglot", ("Armenian", "Greek", "Latin", "Hebrew"))
    make_runs(tmp_path / "data" / "omniglot-runs")
    places = ("--datasets", tmp_path / "data", "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    return [*(str(each) for each in places), "--seeds", "2", "--steps", "2", "--trials", "50"]


def test_from_pictures_to_page_and_again_from_what_was_kept(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = omniglot.with_settings(omniglot.load_recipe("omniglot"), ["input_size=16", "classes_per_batch=8"])
    small = omniglot.replace(small, network=TINY)
    monkeypatch.setattr(omniglot, "load_recipe", lambda name: small)
    omniglot.main(arguments)
    page = tmp_path / "docs" / "results" / "omniglot.md"
    text = page.read_text()
    assert str(page) in capsys.readouterr().out
    assert "| seed 1 |" in text
    assert len(re.findall(r"\d+\.\d\d%", text)) > 10
    for name in re.findall(r"\.\./images/(\S+\.png)", text):
        assert (tmp_path / "docs" / "images" / name).stat().st_size > 1000
    weights = tmp_path / "work" / "seed-1" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    omniglot.main(arguments)
    assert weights.stat().st_mtime_ns == before
    assert page.read_text() == text


def test_settings_are_tried_on_validation_alphabets(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = omniglot.with_settings(omniglot.load_recipe("omniglot"), ["input_size=16", "classes_per_batch=8"])
    monkeypatch.setattr(omniglot, "load_recipe", lambda name: omniglot.replace(small, network=TINY))
    monkeypatch.setattr(omniglot, "VALIDATION", ("Armenian",))
    monkeypatch.setattr(omniglot, "HELD_OUT", ("Greek",))
    omniglot.main([*arguments, "--try", "loss=triplet", "margin=0.2"])
    assert re.match(r"loss=triplet margin=0.2: 0\.\d minutes, error \d+\.\d\d%", capsys.readouterr().out)
    assert not (tmp_path / "docs").exists()


def test_no_test_or_held_out_alphabet_is_opened_in_the_run_that_is_judged() -> None:
    config = omniglot.without(omniglot.load_recipe("omniglot"), omniglot.HELD_OUT)
    assert config.held_out == tuple(f"{name}/*" for name in omniglot.HELD_OUT)
    assert not set(omniglot.HELD_OUT) & set(omniglot.VALIDATION)
    assert not omniglot.load_recipe("omniglot").held_out
