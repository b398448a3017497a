"""The engine against brute force over the same vectors."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from search import Hit, QueryError, SearchEngine, open_index
from tests.conftest import FAST, draw, fill


def brute_force(engine: SearchEngine, query: np.ndarray, k: int) -> list[tuple[int, float]]:
    """Distances in float64 to every picture, ties by id."""
    records, vectors = engine.vectors()
    distances = [float(np.linalg.norm(v.astype(np.float64) - query.astype(np.float64))) for v in vectors]
    return sorted(((r.id, d) for r, d in zip(records, distances, strict=True)), key=lambda pair: (pair[1], pair[0]))[:k]


def assert_same(hits: list[Hit], truth: list[tuple[int, float]]) -> None:
    assert [hit.id for hit in hits] == [picture for picture, _ in truth]
    np.testing.assert_allclose([hit.distance for hit in hits], [distance for _, distance in truth], atol=1e-5)


@pytest.mark.parametrize("k", [1, 3, 12, 50])
def test_search_is_brute_force(index: Path, k: int) -> None:
    with open_index(index) as engine:
        for seed in range(100, 110):
            embedding = engine.embed(draw(seed))
            assert embedding.shape == (engine.dim,)
            assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-6)
            assert_same(engine.search(draw(seed), k), brute_force(engine, embedding, k))


def test_many_segments_and_tombstones_are_brute_force(pictures: Path, index: Path) -> None:
    for first in (20, 30, 40):
        fill(pictures, 6, first=first)
        (pictures / f"label{first % 3}" / f"{first - 20:04d}.png").unlink(missing_ok=True)
        draw(first + 900).save(pictures / "label1" / "0001.png")
        build(pictures, index, FAST)
    with open_index(index) as engine:
        assert len(engine.info().segments) == 4
        for seed in range(60, 70):
            assert_same(engine.search(draw(seed), 9), brute_force(engine, engine.embed(draw(seed)), 9))


def test_many_is_one_by_one(index: Path) -> None:
    queries = [draw(seed) for seed in range(70)]
    with open_index(index) as engine:
        together = engine.search_many(queries, 4)
        for query, hits in zip(queries, together, strict=True):
            alone = engine.search(query, 4)
            assert [hit.id for hit in hits] == [hit.id for hit in alone]
            np.testing.assert_allclose([h.distance for h in hits], [h.distance for h in alone], atol=1e-6)
        assert engine.search_many([]) == []


def test_units(index: Path) -> None:
    with open_index(index) as engine:
        for hit in engine.search(draw(77), 12):
            assert 0 <= hit.distance <= 2
            assert hit.similarity == pytest.approx(1 - hit.distance**2 / 2)
            assert hit.probability is None
            names = {"id", "path", "label", "distance", "similarity", "strength", "probability", "metadata"}
            assert set(hit.to_dict()) == names


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
def test_a_filter_costs_no_recall(kind: str, tmp_path: Path) -> None:
    fill(tmp_path / "p", 90, labels=9)
    build(tmp_path / "p", tmp_path / "i", replace(FAST, kind=kind))
    with open_index(tmp_path / "i") as engine:
        labels = {record.id: record.label for record in engine.pictures()}
        for seed in range(100, 105):
            truth = brute_force(engine, engine.embed(draw(seed)), 90)
            expected = [(picture, d) for picture, d in truth if labels[picture] == "label4"]
            assert_same(engine.search(draw(seed), 10, where={"label": "label4"}), expected[:10])
        assert engine.search(draw(1), where={"label": "no such label"}) == []


@pytest.mark.parametrize("k", [0, -1, 1.5, True, None])
def test_a_senseless_k(index: Path, k: object) -> None:
    with open_index(index) as engine, pytest.raises(QueryError, match="k must be"):
        engine.search(draw(0), k)  # type: ignore[arg-type]


def test_senseless_questions(index: Path) -> None:
    with open_index(index) as engine:
        with pytest.raises(QueryError, match="colour"):
            engine.search(draw(0), where={"colour": "red"})
        with pytest.raises(QueryError, match="vectors have 3 dimensions"):
            engine.search_vectors(np.ones((1, 3), dtype=np.float32))
        with pytest.raises(QueryError, match="unit"):
            engine.search_vectors(np.ones((1, engine.dim), dtype=np.float32))
        for shape in ((1, engine.dim, 1), (1, engine.dim, 2), (0, engine.dim, 3)):
            with pytest.raises(QueryError, match="one row for each query"):
                engine.search_vectors(np.full(shape, np.prod(shape[1:]) ** -0.5, dtype=np.float32))
        for unknown in (4711, 0, -1, 10**40):
            with pytest.raises(QueryError, match=f"id {unknown}"):
                engine.search_id(unknown)


def test_search_by_id_uses_the_stored_vector(index: Path) -> None:
    with open_index(index) as engine:
        for record in engine.pictures():
            assert engine.search_id(record.id, 1)[0].id == record.id
            assert_same(engine.search_id(record.id, 5), brute_force(engine, engine.vector(record.id), 5))


def test_threads_share_an_engine(index: Path) -> None:
    wrong: list[str] = []
    with open_index(index) as engine:
        expected = {seed: [hit.id for hit in engine.search(draw(seed), 5)] for seed in range(8)}

        def ask(seed: int) -> None:
            for _ in range(10):
                if [hit.id for hit in engine.search(draw(seed), 5)] != expected[seed]:
                    wrong.append(f"seed {seed}")

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_timing_is_told(index: Path, pictures: Path) -> None:
    with open_index(index) as engine:
        answer = engine.ask(pictures / "label0" / "0000.png", 2)
    assert len(answer.hits) == 2
    assert min(answer.timing.decode, answer.timing.encode, answer.timing.search) > 0
