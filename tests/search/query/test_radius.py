"""All pictures within a distance, up to k, against a loop over the vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from search import QueryError, open_index
from tests.command_line import twinlens
from tests.indexes_of_vectors import chord, clumps, index_of, on_circle
from tests.search.query.slow_road import apart
from tests.search.query.test_collapse import slow_collapse, told

KINDS = ("flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec")


def slow_radius(vectors, query, radius, numbers):
    """Ids within the radius, nearest first."""
    inside = sorted((apart(vectors[n], query), n + 1) for n in numbers)
    return [number for distance, number in inside if distance <= radius]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", [0.0, 0.4, 1.0, 2.0])
def test_radius_against_the_slow_loop(kind, radius, tmp_path):
    vectors = clumps(150, seed=2)
    removed = list(range(0, 150, 11))
    there = [n for n in range(150) if n % 11]
    index = index_of(tmp_path / "i", vectors, kind=kind, segments=3, removed=removed)
    with open_index(index, device="cpu") as engine:
        for query in [*clumps(3, seed=8), vectors[17]]:
            expected = slow_radius(vectors, query, radius, there)
            (answer,) = engine.ask_vectors(query, 200, radius=radius)
            assert ([hit.id for hit in answer.hits], answer.cut_off) == (expected, False)
            for k in (1, 3, max(1, len(expected)), len(expected) + 1):
                (some,) = engine.ask_vectors(query, k, radius=radius)
                assert [hit.id for hit in some.hits] == expected[:k]
                assert some.cut_off == (len(expected) > k)
                assert engine.search_vectors(query, k, radius=radius) == [some.hits]


def test_a_distance_of_exactly_the_radius_is_within_it(tmp_path):
    vectors = clumps(40, seed=4)
    distance = apart(vectors[3], vectors[17])
    with open_index(index_of(tmp_path / "i", vectors), device="cpu") as engine:
        assert 18 in [hit.id for hit in engine.search_vectors(vectors[3], 40, radius=distance)[0]]
        less = float(np.nextafter(distance, 0))
        assert 18 not in [hit.id for hit in engine.search_vectors(vectors[3], 40, radius=less)[0]]


def test_filters_same_only_and_collapse(tmp_path):
    vectors = on_circle(0, 4, 8, 30, 34, 60, 90)
    index = index_of(tmp_path / "i", vectors, labels=list("abababa"), threshold=chord(9))
    with open_index(index, device="cpu") as engine:
        query = vectors[0]

        def ids(k=10, **options):
            (answer,) = engine.ask_vectors(query, k, **options)
            return [hit.id for hit in answer.hits], answer.cut_off

        assert ids(radius=chord(35)) == ([1, 2, 3, 4, 5], False)
        assert ids(radius=chord(35), where="label = a") == ([1, 3, 5], False)
        assert ids(radius=chord(35), where="label = a", k=2) == ([1, 3], True)
        assert ids(radius=chord(35), same_only=True) == ([1, 2, 3], False), "the smaller of both"
        assert ids(radius=chord(5), same_only=True) == ([1, 2], False)
        (collapsed,) = engine.ask_vectors(query, 2, radius=chord(65), collapse=True)
        assert told(collapsed.hits) == slow_collapse(vectors, query, 2, chord(9), farthest=chord(65))
        assert told(collapsed.hits) == [(1, [2, 3]), (4, [5])]
        assert collapsed.cut_off
        (fewer,) = engine.ask_vectors(query, 2, radius=chord(32), collapse=True)
        assert (told(fewer.hits), fewer.cut_off) == ([(1, [2, 3]), (4, [])], False)
        (audited,) = engine.ask_vectors(query, 3, radius=chord(35), audit=True)
        assert (audited.audit.recall, audited.cut_off, len(audited.hits)) == (1, True, 3)
        (nothing,) = engine.ask_vectors(-query, 3, radius=chord(35), audit=True)
        assert (nothing.hits, nothing.cut_off, nothing.audit.recall) == ([], False, None)


def test_an_empty_index_has_nothing_within_a_radius(tmp_path):
    with open_index(index_of(tmp_path / "i", np.ones((0, 4), dtype=np.float32)), device="cpu") as engine:
        (answer,) = engine.ask_vectors(np.eye(4, dtype=np.float32)[0], radius=2, diversity=0.5)
        assert (answer.hits, answer.cut_off) == ([], False)


@pytest.mark.parametrize("radius", [-0.1, 2.01, float("nan"), float("inf"), True, "0.5", "far", [1]])
def test_an_invalid_radius_is_named_before_the_picture_is_read(radius, index):
    with open_index(index) as engine, pytest.raises(QueryError, match="radius must be a number from 0 to 2, not "):
        engine.search(index / "no such picture.png", radius=radius)


@pytest.mark.slow
def test_the_command_says_that_more_lie_within_the_radius(index):
    with open_index(index) as engine:
        path = str(engine.picture(1).path)
        assert len(engine.search(path, 3, radius=1.9)) == 3
    words = ("query", path, "--index", str(index), "-k", "3", "--radius")
    done = twinlens(*words, "1.9")
    assert "more than 3 pictures lie within 1.9" in done.stderr
    assert "more than" not in twinlens(*words, "0").stderr
    line = json.loads(twinlens(*words, "1.9", "--json").stdout)
    assert (len(line["hits"]), line["cut_off"]) == (3, True)
    line = json.loads(twinlens("query", "--id", "1", "--index", str(index), "--radius", "0", "--json").stdout)
    assert ([hit["id"] for hit in line["hits"]], line["cut_off"]) == ([1], False)
    assert "cut_off" not in json.loads(twinlens("query", path, "--index", str(index), "--json").stdout)
    vectors = index.parent / "q.npy"
    with open_index(index) as engine:
        far = -engine.vector(1)
    np.save(vectors, far)
    line = json.loads(twinlens("query", "--vector", vectors, "--index", str(index), "--radius", "0.1", "--json").stdout)
    assert line["hits"] == []
    assert line["nothing"] == "no picture lies within 0.1"
    assert twinlens("query", path, "--index", str(index), "--radius", "3").returncode == 2
