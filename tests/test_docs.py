"""The documents say what is true: their Python runs, their commands, links and options exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from indexer.cli.app import app
from indexer.collection.build import build
from search.config import BuildConfig
from tests.conftest import draw, fill

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")])


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    fill(tmp_path / "p", 6)
    build(tmp_path / "p", tmp_path / "photos.index", BuildConfig())
    draw(2).save(tmp_path / "query.jpg")
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile(block, "README.md", "exec"), names)
        assert len(names["answers"]) == 2  # type: ignore[arg-type]
    assert "0002.png" in capsys.readouterr().out


def test_every_command_is_in_the_readme_and_has_help() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {f"twinlens {name}" for name in commands} <= set(re.findall(r"twinlens [a-z]+", readme))
    assert set(re.findall(r"\| `twinlens ([a-z]+)", readme)) == set(commands)
    for command in commands.values():
        assert command.help
        for option in command.params:
            assert option.help or option.name in {"help"}, f"{command.name} {option.name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_the_text_exist(document: Path) -> None:
    for name in re.findall(r"`((?:search|indexer|tests|benchmarks|data|docs)/[\w/.-]+)", document.read_text("utf-8")):
        if name.removeprefix("data/") != "sample.index":
            assert (ROOT / name).exists(), name
