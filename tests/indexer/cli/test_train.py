"""`twinlens train`: what its options become, and what it says at the end."""

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click import Command
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.cli.train import train
from indexer.training import TrainConfig, load_recipe
from indexer.training.training import TrainReport
from search.errors import DataError

PLAIN = TrainConfig()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `indexer.training.train` was called with; nothing is trained."""
    calls: dict[str, Any] = {}

    def called(pictures: Path, out: Path, **given: Any) -> TrainReport:
        calls.update(given, pictures=pictures, out=out)
        return TrainReport(out, steps=3, pictures=18, classes=4, lonely_classes=("solo",))

    monkeypatch.setattr("indexer.training.train", called)
    return calls


def command(*words: object) -> Any:
    return CliRunner().invoke(app, ["train", "pictures", "--out", "mine", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ([], {}),
        (["--minutes", 3], {"max_minutes": 3.0}),
        (
            ["--steps", 7, "--loss", "supcon", "--margin", 0, "--mining", "hard"],
            {"steps": 7, "loss": "supcon", "margin": 0.0, "mining": "hard"},
        ),
        (["--batch", 8, 5], {"classes_per_batch": 8, "views_per_class": 5}),
        (["--unlabelled"], {"labelled": False}),
        (["--split-by", "subject", "--validation-share", 0.2], {"split_by": "subject", "validation_share": 0.2}),
        (
            ["--sampling", "random", "--schedule", "plateau", "--early-stopping", 4, "--ema", 0.99],
            {"sampling": "random", "schedule": "plateau", "early_stopping": 4, "ema": 0.99},
        ),
        (
            ["--precision", "bfloat16", "--compile", "--device", "cpu", "--seed", 0],
            {"precision": "bfloat16", "compile": True, "device": "cpu", "seed": 0},
        ),
        (
            ["--teacher", "t", "--learning-rate", 0.1, "--input-size", 28],
            {"teacher": "t", "learning_rate": 0.1, "input_size": 28},
        ),
        (["--dim", 2], {"network": {**PLAIN.network, "dim": 2}}),
        (
            ["--backbone", "timm:x", "--frozen", "--dim", 9],
            {"network": {"kind": "backbone", "name": "timm:x", "dim": 9, "frozen": True}},
        ),
        (["--backbone", "timm:x"], {"network": {"kind": "backbone", "name": "timm:x", "dim": 128, "frozen": False}}),
        (["--steps", 7, "--set", "steps=8", "--set", "augment=null"], {"steps": 8, "augment": None}),
        (["--set", "network.stem=16", "--dim", 3], {"network": {**PLAIN.network, "dim": 3, "stem": 16}}),
    ],
)
def test_options_become_settings(asked: dict[str, Any], words: list[object], changes: dict[str, Any]) -> None:
    done = command(*words)
    assert done.exit_code == 0, done.output
    assert asked["config"] == replace(PLAIN, **changes)
    assert (asked["pictures"], asked["out"], asked["labels"], asked["resume"]) == (
        Path("pictures"),
        Path("mine"),
        "folder",
        True,
    )


def test_options_win_over_the_recipe(asked: dict[str, Any]) -> None:
    done = command("--recipe", "small", "--seed", 5, "--labels", "a.csv", "--no-resume")
    assert done.exit_code == 0, done.output
    assert asked["config"] == replace(load_recipe("small"), seed=5)
    assert (asked["recipe"], asked["labels"], asked["resume"]) == ("small", "a.csv", False)


def test_the_network_of_a_recipe_may_be_frozen_only_where_it_is_a_backbone(asked: dict[str, Any]) -> None:
    done = command("--frozen")
    assert done.exit_code == 2
    assert "backbone" in done.output
    assert not asked


def test_no_option_is_ignored() -> None:
    """Each is a field of the settings, by which it is read, or named in the body of the command."""
    body = inspect.getsource(train).partition('"""')[2]
    settings = {each.name for each in fields(TrainConfig)}
    names = set(inspect.signature(train).parameters) - settings
    assert names == {
        "context",
        "pictures",
        "out",
        "recipe",
        "labels",
        "unlabelled",
        "batch",
        "backbone",
        "frozen",
        "dim",
        "settings",
        "resume",
        "exclude",
    }
    assert all(name in body for name in names)


def test_options_are_called_as_their_fields() -> None:
    found: Command = get_command(app).commands["train"]  # type: ignore[attr-defined]
    settings = {each.name for each in fields(TrainConfig)}
    options = {option.name: option.opts for option in found.params}
    for name in options.keys() & settings - {"max_minutes"}:
        assert f"--{name.replace('_', '-')}" in options[name]
    assert options["max_minutes"] == ["--minutes"]


@pytest.mark.parametrize("words", [["--set", "stepz=1"], ["--set", "steps"], ["--recipe", "none"]])
def test_settings_that_cannot_be_are_errors_of_ours(asked: dict[str, Any], words: list[str]) -> None:
    assert isinstance(command(*words).exception, DataError)
    assert not asked


def test_the_summary_says_where_everything_is(asked: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "report" / "curves.png")
    said = CliRunner().invoke(app, ["train", "pictures", "--out", str(tmp_path)]).output
    assert "3 steps, 0.0 minutes, 18 pictures, 4 classes" in said
    assert "classes of a single picture: solo" in said
    assert f"--encoder {tmp_path}" in said
    assert str(tmp_path / "history.csv") in said
    assert str(tmp_path / "report" / "curves.png") in said


def test_recipes_are_listed_with_what_they_are() -> None:
    lines = CliRunner().invoke(app, ["recipes"]).output.splitlines()
    assert any(line.split()[0] == "small" and len(line.split()) > 3 for line in lines)


def test_a_whole_run(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "pictures" / f"c{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "pictures" / "c0" / "broken.png").write_bytes(b"broken")
    words = [
        "train",
        str(tmp_path / "pictures"),
        "--out",
        str(tmp_path / "out"),
        "--steps",
        "2",
        "--batch",
        "3",
        "2",
        "--input-size",
        "16",
        "--device",
        "cpu",
        "--set",
        "evaluate_every=1",
        "--set",
        'network={"kind": "mlp", "size": 16, "widths": [8], "dim": 4}',
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3, done.output
    assert "broken.png" in done.output
    assert "2 steps" in done.output
    assert {"encoder.json", "history.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}
    again = CliRunner().invoke(app, words)
    assert (again.exit_code, "finished already" in again.output) == (0, True)
