"""Kill -9 during a build, then the same command again: the result is that of a build that nobody disturbed."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.health.check import check
from search import IndexFolderError, open_index
from tests.conftest import fill

MOMENTS = 8
PICTURES = 240


def command(pictures: Path, index: Path, kind: str) -> list[str]:
    words = ["build", str(pictures), "--index", str(index), "--encoder", "color-layout", "--kind", kind]
    return [sys.executable, "-m", "indexer", *words, "--batch-size", "4", "--workers", "1", "--json"]


def contents(index: Path) -> tuple[list[object], np.ndarray]:
    with open_index(index) as engine:
        records, vectors = engine.vectors()
        return list(records), vectors


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", pytest.param("hnsw", marks=pytest.mark.slow)])
def test_killed_builds_go_on(kind: str, tmp_path: Path) -> None:
    pictures = tmp_path / "p"
    fill(pictures, PICTURES)
    started = time.monotonic()
    whole = subprocess.run(command(pictures, tmp_path / "whole", kind), check=True, capture_output=True)
    seconds = time.monotonic() - started
    assert json.loads(whole.stdout)["embedded"] == PICTURES
    expected, expected_vectors = contents(tmp_path / "whole")
    killed, saved = 0, 0
    for moment in range(MOMENTS // 2):
        index = tmp_path / f"killed{moment}"
        process = subprocess.Popen(command(pictures, index, kind), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if moment % 2:  # at a time of the clock, or as soon as so much is staged
            time.sleep(seconds * (0.2 + 0.15 * moment))
        else:
            wait_for_staged(index, 4 + 40 * moment, process)
        process.kill()
        killed += process.wait() == -9
        if index.exists() and (index / "catalog.sqlite").exists():
            assert_whole_or_unfinished(index)
        again = subprocess.run(command(pictures, index, kind), check=True, capture_output=True)
        saved += PICTURES - json.loads(again.stdout)["embedded"]
        assert check(index) == []
        records, vectors = contents(index)
        assert records == expected
        np.testing.assert_array_equal(vectors, expected_vectors)
        assert not list(index.glob("staging*"))
        assert not list(index.rglob("*.part"))
    assert killed >= MOMENTS // 2 - 1, "the machine was too fast for the kills"
    assert saved > 0, "no killed build left anything to go on from"


def wait_for_staged(index: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while sum(map(staged, index.glob("staging*.sqlite"))) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def staged(file: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet, or just being made
        return 0


def assert_whole_or_unfinished(index: Path) -> None:
    try:
        records, _ = contents(index)
    except IndexFolderError as unfinished:
        said, whole = str(unfinished), False
    else:
        said, whole = "", len(records) == PICTURES
    assert whole or "again" in said
