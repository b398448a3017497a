"""Hits collapsed by group, against a slow loop over the same vectors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from indexer.collection.build import build
from search import open_index
from search.config import DuplicatesConfig
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill
from tests.indexes_of_vectors import chord, clumps, index_of, on_circle

THRESHOLD = DuplicatesConfig.default_threshold


def apart(a, b):
    return min(2.0, float(np.float32(np.sqrt(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum()))))


def slow_collapse(vectors, query, k, threshold=THRESHOLD, allowed=None, farthest=2.0):
    """Ids of the hits that stay, each with the ids of its copies in order."""
    numbers = [n for n in range(len(vectors)) if allowed is None or n in allowed]
    distance = {n: apart(vectors[n], query) for n in numbers}
    walk = sorted((n for n in numbers if distance[n] <= farthest), key=lambda n: (distance[n], n))
    kept: list[int] = []
    for n in walk:
        if len(kept) < k and all(apart(vectors[n], vectors[other]) > threshold for other in kept):
            kept.append(n)
    copies: dict[int, list[int]] = {n: [] for n in kept}
    for n in walk:
        if n not in kept:
            near = [other for other in kept if apart(vectors[n], vectors[other]) <= threshold]
            if near:
                copies[near[0]].append(n)
    return [(n + 1, [copy + 1 for copy in copies[n]]) for n in kept]


def told(hits):
    return [(hit.id, [copy.id for copy in hit.copies]) for hit in hits]


@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("k", [1, 3, 10, 500])
def test_collapsed_hits_are_those_of_the_slow_loop(k, segments, tmp_path):
    vectors = clumps(90, seed=1)
    with open_index(index_of(tmp_path / "i", vectors, segments=segments), device="cpu") as engine:
        for query in clumps(4, seed=5):
            hits = engine.search_vectors(query, k, collapse=True)[0]
            assert told(hits) == slow_collapse(vectors, query, k)
            assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
            for hit in hits:
                for copy in hit.copies:
                    assert copy.distance == pytest.approx(apart(vectors[copy.id - 1], query), abs=1e-6)
                    assert copy.copies is None


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
def test_every_kind_collapses(kind, tmp_path):
    vectors = clumps(120, seed=2)
    removed = list(range(0, 120, 10))
    allowed = set(range(120)) - set(removed)
    index = index_of(tmp_path / "i", vectors, segments=2, kind=kind, removed=removed)
    with open_index(index, device="cpu") as engine:
        for query in clumps(4, seed=6):
            assert told(engine.search_vectors(query, 5, collapse=True)[0]) == slow_collapse(
                vectors, query, 5, allowed=allowed
            )


def test_filters_hold_for_hits_and_copies(tmp_path):
    vectors = clumps(120, seed=3)
    labels = ["a" if n % 2 else "b" for n in range(120)]
    with open_index(index_of(tmp_path / "i", vectors, labels=labels, segments=2), device="cpu") as engine:
        query = clumps(4, seed=6)[1]
        hits = engine.search_vectors(query, 4, where={"label": "a"}, collapse=True)[0]
        assert told(hits) == slow_collapse(vectors, query, 4, allowed={n for n in range(120) if n % 2})


def test_the_threshold_of_a_calibration_and_same_only(tmp_path):
    vectors = on_circle(0, 4, 8, 30, 34, 90)
    index = index_of(tmp_path / "i", vectors, threshold=chord(9))
    with open_index(index, device="cpu") as engine:
        query = on_circle(0)[0]
        assert told(engine.search_vectors(query, 5, collapse=True)[0]) == [(1, [2, 3]), (4, [5]), (6, [])]
        same = engine.search_vectors(query, 5, same_only=True, collapse=True)[0]
        assert told(same) == slow_collapse(vectors, query, 5, chord(9), farthest=chord(9)) == [(1, [2, 3])]
        assert all(0 < copy.probability < 1 for copy in same[0].copies)
        strict = engine.search_vectors(on_circle(-3)[0], 5, same_only=True, collapse=True)[0]
        assert told(strict) == [(1, [2])], "a copy that is not the same as the query does not come"


def test_a_chain_is_not_one_hit(tmp_path):
    step = float(np.rad2deg(2 * np.arcsin(THRESHOLD / 2))) * 0.9
    index = index_of(tmp_path / "i", on_circle(*(step * n for n in range(6))))
    with open_index(index, device="cpu") as engine:
        hits = engine.search_vectors(on_circle(0)[0], 10, collapse=True)[0]
    assert told(hits) == [(1, [2]), (3, [4]), (5, [6])]


def test_thousands_of_copies_and_one_other(tmp_path):
    vectors = np.repeat(on_circle(0), 3_001, axis=0)
    vectors[2000] = on_circle(90)[0]
    with open_index(index_of(tmp_path / "i", vectors), device="cpu") as engine:
        hits = engine.search_vectors(on_circle(0)[0], 2, collapse=True)[0]
    assert [(hit.id, len(hit.copies)) for hit in hits] == [(1, 2_999), (2001, 0)]


def test_an_empty_index_has_no_hits(tmp_path):
    with open_index(index_of(tmp_path / "i", np.ones((0, 4), dtype=np.float32)), device="cpu") as engine:
        assert engine.search_vectors(np.eye(4, dtype=np.float32)[:1], 5, collapse=True) == [[]]


def test_every_door_collapses(pictures, tmp_path):
    fill(pictures, 4, first=12)
    draw(5).save(pictures / "copy.jpg", quality=80)
    build(pictures, tmp_path / "i", replace(FAST, labels="none"))
    with open_index(tmp_path / "i") as engine:
        original = next(record for record in engine.pictures() if record.path.name == "0005.png")
        expected = engine.search(original.path, 3, collapse=True)
        assert [hit.path.name for hit in expected[0].copies] == ["copy.jpg"]
        assert engine.ask(original.path, 3, collapse=True).hits == expected
        assert engine.search_many([original.path] * 2, 3, collapse=True) == [expected] * 2
        assert told(engine.search_id(original.id, 3, collapse=True)) == told(expected)
        assert told(engine.search_together([original.path] * 2, 3, collapse=True)) == told(expected)
        blended = engine.search(original.path, 3, without=[pictures / "label0" / "0000.png"], collapse=True)
        assert [copy.path.name for copy in blended[0].copies] == ["copy.jpg"]
        assert engine.search(original.path, 3)[0].copies is None
        assert "copies" not in engine.search(original.path, 1)[0].to_dict()
    words = ("query", original.path, "--index", tmp_path / "i", "-k", 3, "--collapse")
    answer = json.loads(twinlens(*words, "--json").stdout)
    assert answer["hits"] == [hit.to_dict() for hit in expected]
    assert answer["hits"][0]["copies"][0]["path"] == str(pictures / "copy.jpg")
    assert "+1" in twinlens(*words).stdout
