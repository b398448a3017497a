"""The road from a query to its hits, against a slow loop: many segments, tombstones, filters, copies, any k."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from search import IndexClosedError, open_index
from search.indexes import KINDS
from search.indexes.squares import squares_of
from search.store import parallel, reranking, shown_pictures
from search.store.catalog import Catalog
from search.store.reranking import rerank
from search.types import Hit
from tests.indexes_of_vectors import clumps, index_of, unit
from tests.search.query.slow_road import SlowRoad, apart

COUNT = 130
REMOVED = range(0, COUNT, 7)
FILTERED = [("label = label1", 5), ("price < 20", COUNT), ("id = 5", 3), ("id = 1", 3)]
"""Filters that match many, few, one and no picture."""


def bits(hits):
    """All fields of hits, distances by their bits."""
    return [(hit, hit.distance.hex(), hit.metadata, type(hit.path)) for hit in hits]


def collection(folder: Path, kind: str, parts: int, seed: int, **given) -> Path:
    """An index with labels, metadata, doubles in several segments, and ids that are not in the order of the rows."""
    vectors = clumps(COUNT, seed=seed, dim=24)
    labels = [None if n % 5 == 0 else f"label{n % 3}" for n in range(COUNT)]
    index = index_of(folder, vectors, kind=kind, segments=parts, labels=labels, removed=REMOVED, **given)
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.metadata.add_columns({"price": "real", "sold": "boolean"})
        catalog.metadata.put(["price", "sold"], [(n + 1, (n / 2, n % 2)) for n in range(1, COUNT, 2) if n % 7])
        for segment in catalog.segments.records():  # the last row has the first id
            records = catalog.pictures.between(segment.id, range(segment.rows))
            catalog.database.many("UPDATE pictures SET row = row + 1000 WHERE segment = ?", [(segment.id,)])
            places = zip([each.id for each in records], [each.row for each in records[::-1]], strict=True)
            catalog.database.many("UPDATE pictures SET row = ? WHERE id = ?", [(row, key) for key, row in places])
    return index


@pytest.mark.thinned(3)
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_hits_are_those_of_the_slow_loop(kind: str, parts: int, tmp_path: Path) -> None:
    with open_index(collection(tmp_path / "i", kind, parts, seed=parts), device="cpu") as engine:
        slow, queries = SlowRoad(engine), clumps(7, seed=9, dim=24)
        queries[:4] = engine.vectors_of([2, 3, 100, 130])  # rows of the index, some of them doubles
        for effort in (1, 16):
            for segment in engine.segments:
                if segment.structure.effort is not None:
                    segment.structure.effort = effort
            for where, k in [(None, 1), (None, 7), (None, COUNT + 5), *FILTERED]:
                expected = [bits(slow.hits(query, k, where)) for query in queries]
                alone = [bits(engine.search_vectors(query, k, where=where)[0]) for query in queries]
                assert alone == expected, (effort, where, k)
                together = engine.search_vectors(queries, k, where=where)
                assert [bits(hits) for hits in together] == expected, (effort, where, k)


@pytest.mark.parametrize("parts", [1, 3])
def test_calibrated_hits_within_the_threshold_are_those_of_the_slow_loop(parts: int, tmp_path: Path) -> None:
    index = collection(tmp_path / "i", "hnsw", parts, seed=4, threshold=0.35)
    with open_index(index, device="cpu") as engine:
        threshold = engine.calibration.threshold
        slow = SlowRoad(engine)
        for query in clumps(6, seed=5, dim=24):
            assert bits(engine.search_vectors(query, 9)[0]) == bits(slow.hits(query, 9))
            same = engine.search_vectors(query, 9, same_only=True)[0]
            assert bits(same) == bits(slow.hits(query, 9, farthest=threshold))


def test_a_row_without_a_picture_leaves_its_place_to_others(tmp_path: Path) -> None:
    vectors = clumps(60, seed=3)
    index = index_of(tmp_path / "i", vectors, segments=3)
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.database.many("DELETE FROM pictures WHERE id = ?", [(key,) for key in range(1, 60, 4)])
    with open_index(index, device="cpu") as engine:
        for query in vectors[:8]:
            nearest = sorted((apart(row, query), n + 1) for n, row in enumerate(vectors[:20]))[:5]
            nearest += sorted((apart(row, query), n + 21) for n, row in enumerate(vectors[20:40]))[:5]
            nearest += sorted((apart(row, query), n + 41) for n, row in enumerate(vectors[40:]))[:5]
            expected = [(key, distance) for distance, key in sorted(nearest) if key % 4 != 1][:5]
            assert [(hit.id, hit.distance) for hit in engine.search_vectors(query, 5)[0]] == expected


@pytest.mark.parametrize(("few", "copied"), [(0, 512), (128, 512), (0, 0)])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_no_candidate_of_the_first_k_is_excluded(
    few: int, copied: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranking, "_FEW", few)
    monkeypatch.setattr(reranking, "_COPIED", copied)
    random = np.random.default_rng(0)
    for dim in (1, 2, 7, 64, 300):
        base = unit(random.standard_normal((1, dim)))
        vectors = unit(base + scale * random.standard_normal((500, dim)))
        vectors[100:200] = np.nextafter(vectors[:100], np.float32(2))  # distances that differ in the last digit
        vectors[200:250] = vectors[:50]
        vectors[250:260] = -vectors[:10]  # whose distances are cut at 2
        queries = np.concatenate([vectors[:5], unit(base + scale * random.standard_normal((5, dim))), -vectors[:2]])
        queries = np.concatenate([queries, np.float32(1.0009) * unit(-base)])  # to which all may be equally far
        rows = random.permuted(np.tile(np.arange(500), (len(queries), 1)), axis=1)[:, :120]
        rows[3, 60:] = -1
        rows[4, 2:] = -1
        for k in (1, 5, 20, 120):
            distances, nearest = rerank(vectors, queries, rows, k)
            for number, query in enumerate(queries):
                found = sorted((apart(vectors[row], query), row) for row in rows[number].tolist() if row >= 0)[:k]
                found += [(np.inf, -1)] * (k - len(found))
                assert list(zip(distances[number].tolist(), nearest[number].tolist(), strict=True)) == found
                alone = rerank(vectors, query[None], rows[number][None], k)
                assert [each.tolist() for each in alone] == [
                    [each.tolist()] for each in (distances[number], nearest[number])
                ]


@pytest.mark.parametrize("given", [False, True])
def test_pairs_that_several_threads_measure(given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranking, "_PAIRS", 16)
    monkeypatch.setattr(parallel, "_WORTH_THREADS", 0)
    monkeypatch.setattr(parallel, "_MOST_THREADS", 3)
    random = np.random.default_rng(0)
    vectors, queries = clumps(400, seed=1, dim=24), clumps(70, seed=2, dim=24)
    rows = random.permuted(np.tile(np.arange(400), (70, 1)), axis=1)[:, :30]
    rows[7, 3:] = -1
    squares = squares_of(vectors, queries, rows) if given else None
    for k in (1, 5, 30):
        distances, nearest = rerank(vectors, queries, rows, k, squares)
        for number, query in enumerate(queries):
            found = sorted((apart(vectors[row], query), row) for row in rows[number].tolist() if row >= 0)[:k]
            found += [(np.inf, -1)] * (k - len(found))
            assert list(zip(distances[number].tolist(), nearest[number].tolist(), strict=True)) == found


def test_no_queries_have_no_answers(tmp_path: Path) -> None:
    for kind in KINDS:
        with open_index(collection(tmp_path / kind, kind, 2, seed=1), device="cpu") as engine:
            none = np.empty((0, engine.dim), dtype=np.float32)
            assert [engine.search_vectors(none, 3, where=where) for where in (None, "id < 5")] == [[], []]


def test_a_hit_is_like_one_of_the_constructor(tmp_path: Path) -> None:
    with open_index(collection(tmp_path / "i", "flat", 1, seed=1), device="cpu") as engine:
        (hit, *_) = engine.search_vectors(clumps(1, dim=24), 3)[0]
    made = Hit(*(getattr(hit, field.name) for field in fields(Hit)))
    assert type(hit) is Hit
    assert (hit, hash(hit), repr(hit)) == (made, hash(made), repr(made))
    assert replace(hit, distance=1.0).distance == 1.0
    assert pickle.loads(pickle.dumps(hit)) == hit
    with pytest.raises(FrozenInstanceError):
        hit.distance = 0.0  # type: ignore[misc]


def test_threads_share_what_a_filter_allows(tmp_path: Path) -> None:
    for kind in ("hnsw", "ivf", "pq4", "hnswlib"):
        with open_index(collection(tmp_path / kind, kind, 2, seed=2), device="cpu") as engine:
            for segment in engine.segments:
                segment.exact_rows = 0
            queries = clumps(6, seed=3, dim=24)
            asked = [(where, query) for where, _ in FILTERED for query in queries]
            slow = SlowRoad(engine)
            expected = [bits(slow.hits(query, 4, where)) for where, query in asked]
            with ThreadPoolExecutor(4) as pool:
                for found in pool.map(lambda one: engine.search_vectors(one[1], 4, where=one[0])[0], asked * 3):
                    assert bits(found) in expected
                answers = pool.map(lambda one: bits(engine.search_vectors(one[1], 4, where=one[0])[0]), asked)
                assert list(answers) == expected


def test_a_filter_is_evaluated_anew_after_a_commit(tmp_path: Path) -> None:
    index = collection(tmp_path / "i", "hnsw", 2, seed=1)
    query = clumps(1, seed=8, dim=24)[0]
    with open_index(index, device="cpu") as engine:
        before = {hit.id for hit in engine.search_vectors(query, COUNT, where="price < 20")[0]}
        moved = min(before)
        with closing(Catalog.write(index)) as catalog, catalog.transaction():
            catalog.metadata.put(["price"], [(moved, (99.0,))])
            catalog.database.many("UPDATE settings SET value = value + 1 WHERE key = 'generation'", [()])
        assert {hit.id for hit in engine.search_vectors(query, COUNT, where="price < 20")[0]} == before
        with engine.refresh() as later:
            assert {hit.id for hit in later.search_vectors(query, COUNT, where="price < 20")[0]} == before - {moved}


def test_what_hits_show_is_read_once_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_index(collection(tmp_path / "i", "flat", 2, seed=1), device="cpu") as engine:
        query, reads = clumps(1, seed=2, dim=24)[0], []
        table, shown_at = engine.catalog.pictures, engine.catalog.pictures.shown_at
        monkeypatch.setattr(table, "shown_at", lambda *given: reads.append(given) or shown_at(*given))
        first = engine.search_vectors(query, 10)[0]
        assert 1 <= len(reads) <= 2, "one statement for each segment that has hits"
        first[0].metadata["changed"] = True
        assert engine.search_vectors(query, 10)[0] != first, "the metadata of a hit belongs to the caller"
        assert len(reads) <= 2
        monkeypatch.setattr(shown_pictures, "_BYTES", 5_000)
        for each in clumps(30, seed=7, dim=24):
            engine.search_vectors(each, 20)
            cache = engine._store.shown
            assert sum(map(len, cache._cached.values())) <= 20
            assert cache._bytes <= 5_000
        assert bits(engine.search_vectors(query, 10)[0]) == bits(SlowRoad(engine).hits(query, 10))


def test_threads_share_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_pictures, "_BYTES", 20_000)
    with open_index(collection(tmp_path / "i", "flat", 2, seed=1), device="cpu") as engine:
        slow, queries = SlowRoad(engine), clumps(40, seed=2, dim=24)
        expected, wrong = [bits(slow.hits(query, 6)) for query in queries], []

        def ask(offset: int) -> None:
            for number in range(len(queries)):
                place = (number + offset) % len(queries)
                if bits(engine.search_vectors(queries[place], 6)[0]) != expected[place]:
                    wrong.append(place)

        threads = [Thread(target=ask, args=(10 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_a_closed_engine_answers_nothing_from_its_cache(tmp_path: Path) -> None:
    engine = open_index(index_of(tmp_path / "i", clumps(20)), device="cpu")
    query = clumps(1)[0]
    engine.search_vectors(query)
    engine.close()
    with pytest.raises(IndexClosedError):
        engine.search_vectors(query)
