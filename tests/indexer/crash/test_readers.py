"""Readers of an index while it is added to, removed from and rebuilt: every answer is right for its snapshot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.health.check import check
from search import open_index
from search.indexes import KINDS, index_class
from tests.conftest import FAST, draw, fill
from tests.indexer.crash.runner import ROOT
from tests.indexer.crash.state import litter

READERS = 8
SECONDS = 3.0
SLOW_SECONDS = 120.0
START = 40
LARGEST = 80
"""Pictures from which the writer removes more than it adds."""


@dataclass
class Writer:
    """Adds, removes and rebuilds by turns, and knows what every generation must hold."""

    pictures: Path
    index: Path
    paths: list[Path] = field(default_factory=list)
    generations: dict[int, list[str]] = field(default_factory=dict)
    steps: int = 0
    largest_log: int = 0
    """Bytes of SQLite's write-ahead log, at most."""

    def begin(self) -> None:
        """Build the index that the readers find."""
        self.paths = fill(self.pictures, START)
        build(self.pictures, self.index, FAST)
        self._note()

    def step(self) -> None:
        """One change, each of another sort than the one before; a rebuild each time to another kind."""
        round_, sort = divmod(self.steps, 3)
        if sort == 0:
            new = fill(self.pictures, 3, first=START + 3 * round_)
            add(self.index, new, FAST)
            self.paths += new
        elif sort == 1:
            count = 2 if len(self.paths) < LARGEST else 5
            gone, self.paths = self.paths[:count], self.paths[count:]
            remove(self.index, paths=gone)
        else:
            rebuild(self.index, replace(FAST, encoder=None, kind=KINDS[round_ % len(KINDS)]))
        self.steps += 1
        self._note()

    def _note(self) -> None:
        with open_index(self.index, device="cpu") as engine:
            self.generations[engine.catalog.generation()] = sorted(map(str, self.paths))
        log = self.index / "catalog.sqlite-wal"
        self.largest_log = max(self.largest_log, log.stat().st_size if log.exists() else 0)


@contextmanager
def readers(index: Path, logs: Path, processes: int, threads: int) -> Iterator[None]:
    """Let so many processes of so many readers read; raises what went wrong in any of them."""
    stop = logs / "stop"
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    words = [str(index), str(logs / "log"), str(stop), str(processes), str(threads)]
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.indexer.crash.reader", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **single, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n", running.communicate()[1]
        yield
    finally:
        stop.touch()
        complaints = running.communicate(timeout=120)[1]
    assert running.returncode == 0, complaints


@pytest.mark.parametrize(
    ("processes", "threads", "seconds"),
    [(4, READERS // 4, SECONDS), pytest.param(READERS, 1, SLOW_SECONDS, marks=pytest.mark.slow)],
)
def test_eight_readers_beside_a_writer(processes: int, threads: int, seconds: float, tmp_path: Path) -> None:
    writer = Writer(tmp_path / "pictures", tmp_path / "index")
    writer.begin()
    for kind in KINDS:
        index_class(kind)  # imported before the clock runs, and before the readers take the machine
    with readers(writer.index, tmp_path, processes, threads):
        until = time.monotonic() + seconds
        while (time.monotonic() < until or writer.steps < 3 * len(KINDS)) and not (tmp_path / "stop").exists():
            writer.step()
    read = [json.loads(line) for log in sorted(tmp_path.glob("log*")) for line in log.read_text().splitlines()]
    assert len(list(tmp_path.glob("log*.*"))) == READERS
    for each in read:
        assert each["paths"] in possible(each["generation"], writer.generations)
    assert len({each["generation"] for each in read}) >= min(10, writer.steps // 2), "they saw too little of it"
    writer.step()
    assert litter(writer.index) == set(), "files that no reader needs any more"
    assert not (writer.index / "catalog.sqlite-wal").exists()
    assert check(writer.index) == []
    asked = sum(each["asked"] for each in read)
    sys.stdout.write(
        f"{writer.steps} changes, {len(read)} snapshots, {asked} questions, "
        f"log at most {writer.largest_log / 2**20:.1f} MiB\n"
    )


def possible(generation: int, known: dict[int, list[str]]) -> list[list[str]]:
    """What a generation may hold: one that a command committed before its last holds the state before or after."""
    if generation in known:
        return [known[generation]]
    return [known[max(g for g in known if g < generation)], known[min(g for g in known if g > generation)]]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_outlives_a_rebuild(kind: str, pictures: Path, index: Path) -> None:
    fill(pictures, 2, first=50)
    build(pictures, index, FAST)
    before = sorted(path.name for path in (index / "segments").iterdir())
    with open_index(index, device="cpu") as engine:
        expected = [engine.search_vectors(row[None], 5) for row in engine.vectors()[1]]
        rebuild(index, replace(FAST, encoder=None, kind=kind))
        remove(index, paths=[pictures / "label0" / "0000.png"])
        assert engine.stale
        assert len(engine) == 14
        assert [engine.search_vectors(row[None], 5) for row in engine.vectors()[1]] == expected
        assert engine.search(draw(0), k=1)[0].distance == pytest.approx(0, abs=1e-6), "its encoder is loaded only now"
        with open_index(index, device="cpu") as newer:
            assert newer.info().kind == kind
            assert len(newer) == 13
            assert [hit.id for hit in newer.search(draw(51), k=1)] == [hit.id for hit in engine.search(draw(51), k=1)]
    rebuild(index, replace(FAST, encoder=None, kind=kind))
    assert litter(index) == set()
    assert not set(before) & {path.name for path in (index / "segments").iterdir()}


def test_a_reader_outlives_another_encoder(pictures: Path, index: Path) -> None:
    with open_index(index, device="cpu") as engine:
        rebuild(index, replace(FAST, encoder="torchvision:resnet18@random"))
        hits = engine.search(draw(3), k=3)
        assert hits[0].path.name == "0003.png"
        assert hits[0].distance == pytest.approx(0, abs=1e-6)
        with open_index(index, device="cpu") as newer:
            assert newer.fingerprint != engine.fingerprint
            assert newer.dim == 512
            assert newer.search(draw(3), k=1)[0].path.name == "0003.png"
            np.testing.assert_allclose(newer.vector(hits[0].id), newer.embed(draw(3)), atol=1e-5)
    remove(index, paths=[pictures / "label0" / "0000.png"])
    assert litter(index) == set()
    assert len(list((index / "encoders").iterdir())) == 1
