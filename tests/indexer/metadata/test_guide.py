"""The guide to metadata: its file, its commands and its Python, on the sample collection."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli.app import app

ROOT = Path(__file__).parents[3]


def blocks(kind: str) -> list[str]:
    text = (ROOT / "docs" / "metadata.md").read_text("utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_guide_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "shop.csv").write_text(blocks("csv")[0])
    commands = [shlex.split(line) for line in blocks("sh")[0].splitlines()]
    assert len(commands) == 9
    told = []
    for words in commands:
        assert words[0] == "twinlens"
        extra = ["--encoder", "color-layout"] if words[1] == "build" else []
        done = CliRunner().invoke(app, [*words[1:], *extra], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        told.append(done.output)
        if words[1] == "metadata" and "shop.csv" in words:
            names = run_python()
            assert names == ["00.jpg", "01.jpg", "01.jpg"]
    assert "price (real), shop (text), bought (date), ripe (boolean) of 6 rows" in told[0]
    assert "bought (date), 5 pictures: 2022-07-01 to 2024-03-09" in told[1]
    found = [sorted(re.findall(r"(\w+)/(\d\d)\.jpg\b", text.split("path", 1)[1])) for text in told[2:5]]
    assert found[0] == [("apple", "00"), ("banana", "00"), ("banana", "01")]
    assert found[1] == [("apple", "02")]
    assert [name for name, _ in found[2]] == ["apple"] * 2 + ["banana"] * 4
    assert told[5].count('"label": "apple"') == 5
    assert "deleted the column ripe" in told[8]


def run_python() -> list[str]:
    names: dict[str, list] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(blocks("python")[0], "docs/metadata.md", "exec"), names)
    assert "5 pictures of fruit without a shop" in said.getvalue()
    assert all(hit.metadata["shop"] == "Mill Lane" for hit in names["hits"])
    return sorted(hit.path.name for hit in names["hits"])


def test_the_error_of_the_guide_is_the_one_that_comes(tmp_path: Path) -> None:
    from search.errors import QueryError
    from search.filters.language import parse_where
    from search.store.catalog import Catalog

    shown = re.findall(r"```\n(error:.*?)```", (ROOT / "docs" / "metadata.md").read_text("utf-8"), re.DOTALL)[0]
    catalog = Catalog.write(tmp_path)
    try:
        catalog.metadata.add_columns({"price": "real"})
        with pytest.raises(QueryError) as raised:
            catalog.pictures.count_where(parse_where("prise < 5"))
    finally:
        catalog.close()
    ours, theirs = f"error: {raised.value}".split("\n"), shown.strip("\n").split("\n")
    assert ours[1:] == theirs[1:]
    assert ours[0].startswith(theirs[0].split(", ...")[0])
