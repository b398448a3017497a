"""The commands of export and import, and their guide."""

import contextlib
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from indexer.cli.app import app
from indexer.cli.base import run
from search import open_index
from tests.indexer.exchange.conftest import unit

ROOT = Path(__file__).parents[3]


def twinlens(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_export_and_import(index: Path, tmp_path: Path) -> None:
    done = twinlens("export", index, "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "12 pictures, vectors of 286 by color-layout" in done.output
    told = json.loads(
        twinlens(
            "export", index, "--out", tmp_path / "npy", "--format", "npy", "--where", "label=label1", "--json"
        ).stdout
    )
    assert (told["pictures"], told["dim"], told["out"]) == (4, 286, str(tmp_path / "npy"))
    done = twinlens("import", tmp_path / "out", "--index", tmp_path / "two", "--device", "cpu")
    assert "12 pictures (12 added)" in done.output
    report = json.loads(twinlens("import", tmp_path / "npy", "-i", tmp_path / "two", "--json").stdout)
    assert (report["added"], report["unchanged"], report["embedded"]) == (0, 4, 0)


def test_import_with_metadata(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", unit(3) * 2)
    (tmp_path / "v.csv").write_text("path,label,price\na.jpg,x,1\nb.jpg,,2\nc.jpg,x,\n")
    words = [
        "import",
        tmp_path / "v.npy",
        "--index",
        tmp_path / "i",
        "--encoder",
        "clip",
        "--foreign",
        "--normalize",
        "--paths",
        tmp_path / "v.csv",
        "--metadata",
        tmp_path / "v.csv",
        "--kind",
        "hnsw",
        "--root",
        tmp_path / "r",
    ]
    done = twinlens(*words)
    assert "3 vectors were not of unit length" in done.output
    assert "price (integer) of 3 rows" in done.output
    with open_index(tmp_path / "i") as engine:
        assert engine.picture(1).path == tmp_path / "r" / "a.jpg"
        assert [hit.path.name for hit in engine.search_id(1, where="price >= 2")] == ["b.jpg"]
        assert [segment.kind for segment in engine.info().segments] == ["hnsw"]


def test_an_error_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "v.npy", np.zeros((3, 4), dtype=np.float32))
    (tmp_path / "v.txt").write_text("a\nb\nc\n")
    words = ["import", "v.npy", "--index", "i", "--encoder", "clip", "--foreign", "--paths", "v.txt"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["twinlens", *words])
    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 1
    assert (
        capsys.readouterr().err.strip() == "error: v.npy: row 0 (counted from 0) is all zeros, which has no direction"
    )
    assert not (tmp_path / "i").exists()


def test_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs" / "export_import.md").read_text("utf-8")
    commands, python = (re.findall(rf"```{kind}\n(.*?)```", guide, re.DOTALL)[0] for kind in ("sh", "python"))
    monkeypatch.chdir(tmp_path)
    for name in ("apple", "banana", "camera"):
        shutil.copytree(ROOT / "data" / "sample" / name, tmp_path / "data" / "sample" / name)
    for line in commands.splitlines():
        name, *words = shlex.split(line)
        assert name == "twinlens"
        if words[0] == "build":
            words += ["--encoder", "color-layout"]
        done = twinlens(*words)
        assert done.exit_code == 0, done.output
        if words[0] == "import":
            assert "added" in done.output
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(python, "docs/export_import.md", "exec"), names)
    lines = said.getvalue().splitlines()
    assert lines[0] == "5 vectors imported"
    assert lines[1].startswith("['0.jpg', ")
    assert lines[2].startswith("['3.jpg', ")
