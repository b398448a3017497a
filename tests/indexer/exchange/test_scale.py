"""An index that grows in many batches while pictures are removed has the answers of brute force."""

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.million import run
from benchmarks.million_vectors import Collection
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from search import open_index
from search.config import BuildConfig
from tests.indexer.exchange.conftest import QUICK, unit

BATCHES = 20


def options(tmp_path: Path, rows: int, **more: object) -> argparse.Namespace:
    return argparse.Namespace(
        rows=rows,
        batches=BATCHES,
        removed=0.05,
        noise=0.1,
        seed=3,
        about="random directions",
        source=tmp_path / "real.npy",
        out=tmp_path / "page.md",
        **more,
    )


def brute_force(vectors: dict[int, np.ndarray], query: np.ndarray, k: int) -> list[tuple[float, int]]:
    """Distance and id of the k nearest neighbours, ties by id."""
    found = [(float(np.linalg.norm(vector.astype(np.float64) - query)), key) for key, vector in vectors.items()]
    return sorted(found)[:k]


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_twenty_batches_with_removals(kind: str, tmp_path: Path) -> None:
    collection = Collection(tmp_path, unit(200, 8), options(tmp_path, 400))
    index, alive = tmp_path / "i", {}
    for n, (vectors, paths) in enumerate(zip(collection.vectors, collection.paths, strict=True)):
        report = import_vectors(vectors, index, replace(QUICK, paths=paths, kind=kind, recall=1.0))
        assert (report.added, report.segments) == (20, n + 1)
        alive |= {n * 20 + 1 + row: vector for row, vector in enumerate(np.load(vectors))}
        doomed = json.loads(collection.doomed[n].read_text())
        remove(index, ids=doomed)
        for key in doomed:
            del alive[key]
    queries = np.load(collection.queries)[:10]
    expected = [brute_force(alive, query, 7) for query in queries]
    for rebuilt in (False, True):
        if rebuilt:
            assert rebuild(index, BuildConfig(kind=kind, recall=1.0, device="cpu")).images == len(alive) == 380
        with open_index(index, device="cpu") as engine:
            assert len(engine.info().segments) == (1 if rebuilt else BATCHES)
            for hits, wanted in zip(engine.search_vectors(queries, 7), expected, strict=True):
                assert [hit.id for hit in hits] == [key for _, key in wanted]
                assert [hit.distance for hit in hits] == pytest.approx([d for d, _ in wanted], abs=1e-6)
        assert check(index) == []


def test_the_ground_truth_matches_brute_force(tmp_path: Path) -> None:
    collection = Collection(tmp_path, unit(50, 8), options(tmp_path, 400))
    everything = np.vstack([np.load(file) for file in collection.vectors])
    assert collection.alive.sum() == 380
    alive = {row + 1: everything[row] for row in np.flatnonzero(collection.alive).tolist()}
    distances, ids = collection.truth()
    for query, near, names in zip(np.load(collection.queries)[:20].astype(np.float64), distances, ids, strict=False):
        expected = brute_force(alive, query, 10)
        assert names.tolist() == [key for _, key in expected]
        assert near == pytest.approx([distance for distance, _ in expected], abs=1e-12)
    np.testing.assert_allclose(collection.distances(ids), distances, atol=1e-12)


@pytest.mark.slow
def test_a_million_vectors(tmp_path: Path) -> None:
    """The run fails if an exact answer differs from the oracle, or if the index is damaged."""
    np.save(tmp_path / "real.npy", unit(5_000, 32))
    run(options(tmp_path, 1_000_000, kinds=["flat"]), tmp_path / "work")
    page = (tmp_path / "page.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| flat"))
    nothing, first, last = (int(re.sub(r"\D", "", cell)) for cell in row.split("|")[2:5])
    assert page.startswith("# 1,000,000 vectors")
    assert last - nothing < 250, "MiB beside the libraries, for a segment of 6 MiB of an index of 122"
    assert last < first + 120
