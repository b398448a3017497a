"""`twinlens metadata`, and `--metadata` of the commands that take it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from indexer.cli.app import app
from search import DataError
from tests.conftest import draw
from tests.indexer.metadata.files import told, types, write_csv


def twinlens(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def test_the_command(pictures: Path, index: Path, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "m.csv", ["path", "n", "label"], ["label0/0000.png", 7, "x"], ["gone.png", 8, "x"])
    done = twinlens("metadata", file, "--index", index)
    assert done.exit_code == 0
    assert "n (integer) of 1 row" in done.stdout
    assert "left out label" in done.stdout
    assert "not in the index: gone.png" in done.stdout
    shown = twinlens("query", pictures / "label0" / "0003.png", "--index", index, "--where", "n > 6", "--json")
    assert [hit["metadata"] for hit in json.loads(shown.stdout)["hits"]] == [{"n": 7}]
    assert "n (integer), 1 picture: 7 to 7" in twinlens("info", index).stdout
    assert json.loads(twinlens("info", index, "--json").stdout)["columns"][-1] == {
        "name": "n",
        "type": "integer",
        "count": 1,
        "min": 7,
        "max": 7,
    }
    assert twinlens("metadata", "--index", index).exit_code == 2
    done = twinlens("metadata", "--index", index, "--drop", "n", "--exif", "--json")
    assert json.loads(done.stdout)["exif"] == {"pictures": 12, "taken": 0, "camera": 0, "unread": 0}
    assert types(index) == {}


def test_build_stores_metadata_too(pictures: Path, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "m.csv", ["path", "n"], ["label0/0000.png", 7])
    words = ("build", pictures, "--encoder", "color-layout", "--index")
    done = twinlens(*words, tmp_path / "new", "--metadata", file, "--json")
    assert json.loads(done.stdout)["metadata"]["columns"] == {"n": "integer"}
    assert told(tmp_path / "new") == {"0000.png": {"n": 7}}
    assert "n (integer) of 1 row" in twinlens(*words, tmp_path / "new", "--metadata", file).stdout
    (tmp_path / "bad.csv").write_text("x\n")
    assert isinstance(twinlens(*words, tmp_path / "other", "--metadata", tmp_path / "bad.csv").exception, DataError)
    assert not (tmp_path / "other").exists(), "a file that cannot be used is told before any work"


def test_sync_stores_metadata_too(pictures: Path, index: Path, tmp_path: Path) -> None:
    draw(50).save(pictures / "new.png")
    file = write_csv(tmp_path / "m.csv", ["path", "n"], ["new.png", 7])
    words = ("sync", pictures, "--index", index, "--metadata", file)
    done = json.loads(twinlens(*words, "--json").stdout)
    assert (done["added"], done["metadata"]["columns"]) == (1, {"n": "integer"})
    assert told(index) == {"new.png": {"n": 7}}
    refused = twinlens(*words, "--watch")
    assert refused.exit_code == 2
    assert "twinlens metadata" in refused.output


def test_a_wrong_filter_is_pointed_at_in_the_terminal(pictures: Path, index: Path) -> None:
    words = ("query", pictures / "label0" / "0003.png", "--index", index, "--where", "m > 6")
    done = subprocess.run(
        [sys.executable, "-m", "indexer", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot use the filter: there is no column 'm'")
    assert done.stderr.endswith("\n  m > 6\n  ^\n")


def test_the_table_shows_the_columns_asked_for(
    pictures: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    file = write_csv(tmp_path / "m.csv", ["path", "n", "shop"], ["label0/0000.png", 7, "Old\nTown"])
    twinlens("metadata", file, "--index", index)
    words = ("query", "label0/0003.png", "--index", index, "-k", 12)
    assert "shop" not in twinlens(*words).stdout
    header, *rows = twinlens(*words, "--show", "shop", "--show", "n", "--show", "shop").stdout.splitlines()[1:]
    assert header.split()[:6] == ["rank", "distance", "similarity", "label", "shop", "n"]
    assert sum("Old\\nTown  7" in row for row in rows) == 1, "the other pictures have no value"
    assert twinlens(*words, "--show", "*").stdout.splitlines()[1].split() == [
        "rank",
        "distance",
        "similarity",
        "label",
        "n",
        "shop",
        "path",
    ]
    refused = twinlens(*words, "--show", "prize").exception
    assert "--show prize: there is no such column (columns: " in str(refused)
    assert "n, shop" in str(refused)
    refused = twinlens(*words, "--show", "width").exception
    assert "--show width: a hit does not have it, only filters do (columns: " in str(refused)
