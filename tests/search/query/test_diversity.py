"""Maximal marginal relevance against its definition, as a slow loop."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from search import QueryError, open_index
from search.query.diversity import diverse, pool_size
from tests.command_line import twinlens
from tests.indexes_of_vectors import clumps, index_of, on_circle
from tests.search.query.slow_road import apart
from tests.search.query.test_collapse import slow_collapse


def cosine(a, b):
    return 1 - apart(a, b) ** 2 / 2


def slow_mmr(vectors, query, pool, k, diversity):
    """Numbers that are chosen from `pool`, in order; ties by distance to the query, then by number."""
    left = sorted(pool, key=lambda n: (apart(vectors[n], query), n))
    chosen = []
    while left and len(chosen) < k:
        best, most = None, -math.inf
        for n in left:
            likeness = max((cosine(vectors[n], vectors[other]) for other in chosen), default=0.0)
            score = (1 - diversity) * cosine(vectors[n], query) - diversity * likeness
            if not chosen:
                score = -apart(vectors[n], query)
            if score > most:
                best, most = n, score
        chosen.append(best)
        left.remove(best)
    return chosen


def nearest(vectors, query, numbers, count):
    return sorted(numbers, key=lambda n: (apart(vectors[n], query), n))[:count]


@pytest.mark.thinned(5)
@pytest.mark.parametrize("diversity", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("k", [1, 2, 7, 25])
def test_the_choice_is_that_of_the_slow_loop(k, diversity, tmp_path):
    vectors = clumps(200, seed=3)
    removed, there = list(range(0, 200, 9)), [n for n in range(200) if n % 9]
    with open_index(index_of(tmp_path / "i", vectors, segments=3, removed=removed), device="cpu") as engine:
        for query in [*clumps(3, seed=9), vectors[10]]:
            (hits,) = engine.search_vectors(query, k, diversity=diversity)
            pool = nearest(vectors, query, there, pool_size(k))
            assert [hit.id - 1 for hit in hits] == slow_mmr(vectors, query, pool, k, diversity)
            assert [hit.distance for hit in hits] == [apart(vectors[hit.id - 1], query) for hit in hits]
            if diversity == 0:
                assert hits == engine.search_vectors(query, k)[0]


def test_the_pool_is_ten_times_k_within_limits():
    assert [pool_size(k) for k in (1, 10, 100, 101, 1_000, 5_000)] == [10, 100, 1_000, 1_000, 1_000, 5_000]


def test_hits_come_from_other_clumps(tmp_path):
    vectors = on_circle(0, 1, 2, 3, 40, 41, 80)
    with open_index(index_of(tmp_path / "i", vectors), device="cpu") as engine:
        assert [hit.id for hit in engine.search_vectors(vectors[0], 3)[0]] == [1, 2, 3]
        assert [hit.id for hit in engine.search_vectors(vectors[0], 3, diversity=0.6)[0]] == [1, 7, 5]


def test_equal_vectors_come_in_the_order_of_their_ids(tmp_path):
    vectors = np.repeat(on_circle(10), 30, axis=0)
    with open_index(index_of(tmp_path / "i", vectors, segments=2), device="cpu") as engine:
        hits = engine.search_vectors(on_circle(0), 5, diversity=0.7)[0]
    assert [hit.id for hit in hits] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("count", [0, 1])
def test_few_candidates(count):
    vectors = on_circle(0, 20)[:count]
    assert diverse(vectors, np.zeros(count, dtype=np.float32), 5, 0.5) == list(range(count))


def test_filters_a_radius_and_collapsed_copies(tmp_path):
    vectors = clumps(120, seed=6)
    labels = ["a" if n % 2 else "b" for n in range(120)]
    odd = [n for n in range(120) if n % 2]
    with open_index(index_of(tmp_path / "i", vectors, labels=labels, segments=2), device="cpu") as engine:
        query = clumps(4, seed=6)[1]
        (hits,) = engine.search_vectors(query, 5, where="label = a", diversity=0.5)
        assert [hit.id - 1 for hit in hits] == slow_mmr(vectors, query, nearest(vectors, query, odd, 50), 5, 0.5)
        inside = [n for n in odd if apart(vectors[n], query) <= 1.1]
        (answer,) = engine.ask_vectors(query, 5, where="label = a", diversity=0.5, radius=1.1)
        assert [hit.id - 1 for hit in answer.hits] == slow_mmr(vectors, query, inside[:], 5, 0.5)
        assert answer.cut_off == (len(inside) > 5)
        (collapsed,) = engine.search_vectors(query, 4, collapse=True, diversity=0.5)
        kept = slow_collapse(vectors, query, 40)
        copies = {number - 1: its for number, its in kept}
        expected = slow_mmr(vectors, query, list(copies), 4, 0.5)
        assert [(hit.id - 1, [copy.id for copy in hit.copies]) for hit in collapsed] == [
            (n, copies[n]) for n in expected
        ]


def test_an_audit_compares_the_nearest_before_the_choice(tmp_path):
    with open_index(index_of(tmp_path / "i", clumps(200, seed=3), kind="hnsw"), device="cpu") as engine:
        (answer,) = engine.ask_vectors(clumps(3, seed=9)[0], 5, diversity=0.8, audit=True)
        assert answer.audit.recall == 1
        assert answer.audit.candidates >= 50


@pytest.mark.parametrize("diversity", [-0.1, 1.01, float("nan"), True, "0.5", None])
def test_an_invalid_diversity(diversity, index):
    with open_index(index) as engine, pytest.raises(QueryError, match="diversity must be a number from 0 to 1, not "):
        engine.search(index / "no such picture.png", diversity=diversity)


def test_every_door_and_the_command(index):
    with open_index(index) as engine:
        path = engine.picture(1).path
        hits = engine.search(path, 4, diversity=0.5)
        assert engine.ask(path, 4, diversity=0.5).hits == hits
        assert engine.search_many([path], 4, diversity=0.5) == [hits]
        blended = engine.search_together([path, engine.picture(2).path], 4, diversity=0.5)
        vectors = {record.id - 1: vector for record, vector in zip(*engine.vectors(), strict=True)}
        both = engine.embed_many([path, engine.picture(2).path]).astype(np.float64).mean(axis=0)
        query = (both / np.linalg.norm(both)).astype(np.float32)
        assert [hit.id - 1 for hit in blended] == slow_mmr(vectors, query, list(vectors), 4, 0.5)
    words = ("query", path, "--index", index, "-k", 4, "--diversity")
    assert json.loads(twinlens(*words, 0.5, "--json").stdout)["hits"] == [hit.to_dict() for hit in hits]
    assert twinlens(*words, 1.5).returncode == 2
