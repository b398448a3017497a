"""A folder of awkward files builds without a stop, and says what it left out and why."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.cli.base import SKIPPED_EXIT
from indexer.collection.build import build
from search import open_index
from tests.awkward import broken_files, good_files
from tests.conftest import FAST


@pytest.mark.parametrize("encoder", ["color-layout", "small"])
def test_every_good_file_is_found_by_itself_and_every_bad_one_named(encoder: str, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    (folder / "good").mkdir(parents=True)
    (folder / "bad").mkdir()
    good, bad = good_files(folder / "good"), broken_files(folder / "bad")
    assert len(bad) >= 20
    report = build(folder, tmp_path / "i", replace(FAST, encoder=encoder))
    assert {path for path, _ in report.skipped} == set(bad.values())
    assert all(len(reason) > 5 for _, reason in report.skipped)
    with open_index(tmp_path / "i") as engine:
        assert len(engine) == len(good)
        for name, path in good.items():
            hit = engine.search(path, k=1)[0]
            assert hit.path == path, name
            assert hit.distance < 1e-5, name


def test_the_command_tells_by_its_exit_code(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    good_files(folder)
    (folder / "bad.jpg").write_text("no picture")
    words = [sys.executable, "-m", "indexer", "build", folder, "--index", tmp_path / "i", "--encoder", "color-layout"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == SKIPPED_EXIT
    assert "bad.jpg" in done.stdout
    again = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
    assert again.returncode == SKIPPED_EXIT
    report = json.loads(again.stdout)
    assert report["embedded"] == 0
    assert [Path(entry["path"]).name for entry in report["skipped"]] == ["bad.jpg"]
