"""`twinlens explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.cli.app import app
from search import PictureError, QueryError, open_index
from tests.command_line import twinlens


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["explain", *map(str, words)])


def test_the_png_and_the_json(pictures: Path, index: Path, tmp_path: Path) -> None:
    a, b = pictures / "label0" / "0000.png", pictures / "label1" / "0001.png"
    out = tmp_path / "why – ö.png"
    done = run(a, b, "--index", index, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    with open_index(index) as engine:
        expected = engine.explain(a, b)
    printed = json.loads(done.stdout)
    assert printed == {"a": str(a), "b": str(b), **expected.to_dict()}
    assert {"area", "values"} == printed["heat"]["a"].keys()
    with Image.open(out) as image:
        assert image.format == "PNG"
        light = image.convert("RGB").getpixel((0, 0))
    assert light == (255, 255, 255)
    done = run(a, b, "--encoder", "color-layout", "--out", out, "--dark")
    assert done.exit_code == 0, done.output
    assert f"similarity {expected.similarity:.4f}" in done.stdout
    with Image.open(out) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (14, 17, 23)


def test_pictures_of_the_index_by_id(pictures: Path, index: Path) -> None:
    with open_index(index) as engine:
        paths = {each: engine.picture(each).path for each in (3, 7)}
        expected = engine.explain(paths[3], paths[7]).to_dict()
        mixed = engine.explain(pictures / "label0" / "0000.png", paths[7]).to_dict()
    assert json.loads(run("--id", 3, "--id", 7, "--index", index, "--json").stdout) == {"a": 3, "b": 7, **expected}
    a = pictures / "label0" / "0000.png"
    assert json.loads(run(a, "--id", 7, "--index", index, "--json").stdout) == {"a": str(a), "b": 7, **mixed}
    done = run("--id", 3, "--id", 99, "--index", index, "--json")
    assert isinstance(done.exception, QueryError)
    paths[3].unlink()
    done = run("--id", 3, "--id", 7, "--index", index, "--json")
    assert isinstance(done.exception, PictureError)
    assert str(paths[3]) in str(done.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{a} --index {index} --json", "name two pictures"),
        ("{a} {a} {a} --index {index} --json", "name two pictures"),
        ("{a} {a} --id 1 --index {index} --json", "name two pictures"),
        ("{a} --id 1 --encoder small --json", "needs --index"),
        ("{a} {a} --json", "give one of the two"),
        ("{a} {a} --index {index} --encoder small --json", "give one of the two"),
        ("{a} {a} --index {index}", "name the PNG"),
    ],
)
def test_words_that_do_not_fit(words: str, said: str, pictures: Path, index: Path) -> None:
    done = run(*words.format(a=pictures / "label0" / "0000.png", index=index).split())
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_picture_that_cannot_be_read_writes_nothing(pictures: Path, index: Path, tmp_path: Path) -> None:
    broken, out = tmp_path / "broken.jpg", tmp_path / "why.png"
    broken.write_text("text")
    done = twinlens("explain", pictures / "label0" / "0000.png", broken, "--index", index, "--out", out)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {broken}: not a picture")
    assert "Traceback" not in done.stderr
    assert not out.exists()
