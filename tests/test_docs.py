"""The documents say what is true: their Python runs, their commands, links and options exist."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import indexer
from indexer.cli import reference
from indexer.cli.app import app
from indexer.collection.build import build
from search.config import BuildConfig
from tests.conftest import draw, fill

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")])


@pytest.mark.parametrize("document", ["README.md", "docs/search.md"])
def test_its_python_runs(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text("utf-8"), re.DOTALL)
    assert blocks
    fill(tmp_path / "p", 12)
    build(tmp_path / "p", tmp_path / "photos.index", BuildConfig())
    for name, number in (("query.jpg", 2), ("other.jpg", 3)):
        draw(number).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile(block, document, "exec"), names)
        assert len(names["answers"]) == 2  # type: ignore[arg-type]
    assert "0002.png" in capsys.readouterr().out


def test_every_command_is_on_the_page_of_commands_and_has_help() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {f"twinlens {name}" for name in commands} <= set(re.findall(r"twinlens [a-z]+", page))
    assert set(re.findall(r"\| \[`twinlens ([a-z]+)", page)) == set(commands)
    for command in commands.values():
        assert command.help
        for option in command.params:
            assert option.help or option.name in {"help"}, f"{command.name} {option.name}"
            word = (option.metavar or option.name).upper()
            spellings = [word] if option.param_type_name == "argument" else option.opts
            section = page.split(f"## twinlens {command.name}\n")[1].split("\n## ")[0]
            for spelling in (*spellings, *option.secondary_opts):
                assert f"`{spelling.removesuffix('...')}`" in section, f"{command.name} {spelling}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_have_the_options_that_examples_give(document: Path) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, rest in re.findall(r"^twinlens ([a-z]+)\b([^#\n]*)", document.read_text("utf-8"), re.MULTILINE):
        known = {spelling for option in commands[name].params for spelling in (*option.opts, *option.secondary_opts)}
        given = set(re.findall(r"(?<=\s)--?[a-z0][a-z-]*", rest))
        assert given <= known, f"twinlens {name}{rest}"


def test_the_page_of_commands_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    command = [sys.executable, "-m", reference.__name__]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert page == done.stdout, f"docs/commands.md is out of date: run {reference.PAGE_COMMAND}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        target, _, anchor = link.partition("#")
        page = document.parent / target if target else document
        assert page.exists(), link
        assert not anchor or anchor in anchors(page), link


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set((ROOT / "docs").rglob("*.md")) - linked == {index}
    assert "docs/index.md" in links(ROOT / "README.md")


def links(document: Path) -> list[str]:
    """Where a page links to, addresses on the web left out."""
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    return [target for target in targets if "://" not in target]


def anchors(document: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_the_text_exist(document: Path) -> None:
    for name in re.findall(
        r"`((?:search|indexer|app_parts|tests|benchmarks|experiments|data|docs)/[\w/.-]+)", document.read_text("utf-8")
    ):
        if name.removeprefix("data/") != "sample.index":
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_import_public_names_of_the_indexer(document: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("indexer"):
                assert node.module == "indexer"
                assert {alias.name for alias in node.names} <= set(indexer.__all__)
