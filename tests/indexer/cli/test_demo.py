"""The demo asks about a picture of the sample and shows the other views of that thing, not the picture itself."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli import app_commands
from indexer.cli.app import app

ROOT = Path(__file__).parents[3]
THING, _, QUESTION = app_commands._QUESTION.partition("/")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A part of the sample collection."""
    for name in (THING, "basketball", "beach-ball", "teapot"):
        shutil.copytree(ROOT / "data" / "sample" / name, tmp_path / "sample" / name)
    monkeypatch.setattr("indexer.cli.app_server.DATA", tmp_path)
    return tmp_path


def test_the_answer_is_the_other_views_of_the_thing(data: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--no-app"])
    assert done.exit_code == 0, done.output
    answer = done.output.split("Which of the other pictures look like", 1)[1]
    assert answer.startswith(f" {THING}/{QUESTION}?")
    views = {path.name for path in (data / "sample" / THING).iterdir()} - {QUESTION}
    assert len(views) == 4
    assert set(re.findall(rf"/{THING}/(\w+\.jpg)", answer.split("\n", 2)[2])) == views
    assert not any(other in answer for other in ("basketball", "beach-ball", "teapot"))
