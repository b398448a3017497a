"""All pairs within a distance, by products of blocks, against a loop over every pair."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.duplicates import find, find_duplicates, neighbours, pair_list
from indexer.duplicates.neighbours import Neighbours
from search.config import DuplicatesConfig
from search.indexes.products import NumpyProducts, TorchProducts
from tests.indexer.duplicates.reference import apart, slow_groups, told
from tests.indexes_of_vectors import chord, clumps, index_of, on_circle


class Points:
    """Vectors in memory."""

    def __init__(self, vectors):
        self.all = vectors

    def vectors(self, points):
        return self.all[points]


def slow_pairs(vectors, threshold):
    """Every two different rows within the threshold, in both directions, with their distance."""
    numbers = range(len(vectors))
    pairs = {(i, j): apart(vectors[i], vectors[j]) for i in numbers for j in numbers if i != j}
    return {pair: distance for pair, distance in pairs.items() if distance <= threshold}


def listed(found, places):
    which, others, distances = (part.tolist() for part in found)
    assert which == sorted(which)
    return {(int(places[at]), other): distance for at, other, distance in zip(which, others, distances, strict=True)}


makers = pytest.mark.parametrize("make", [lambda _: NumpyProducts(), TorchProducts], ids=["numpy", "torch"])


@makers
@pytest.mark.parametrize("most", [0, 10, 10_000], ids=lambda most: f"{most}_kept")
@pytest.mark.parametrize("threshold", [1e-6, 0.2, 0.35, 1.0, 2.0])
def test_pairs_against_every_pair(make, most, threshold, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 7)  # so that clumps lie across blocks
    monkeypatch.setattr(pair_list, "_MOST", most)
    vectors = clumps(60, seed=1)
    expected = slow_pairs(vectors, threshold)
    found = Neighbours(Points(vectors), np.arange(60), threshold, make(vectors))
    degrees = found.degrees()
    assert degrees.tolist() == [sum(i == n for i, _ in expected) for n in range(60)]
    places = np.array([31, 4, 5, 0, 59])
    assert listed(found.around(places), places) == {p: d for p, d in expected.items() if p[0] in places}
    near = degrees > 0
    number = np.cumsum(near) - 1
    fewer = found.among(near)
    every = np.arange(np.count_nonzero(near))
    assert listed(fewer.around(every), every) == {(number[i], number[j]): d for (i, j), d in expected.items()}


@makers
@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_points(make, count):
    vectors = clumps(5)
    found = Neighbours(Points(vectors), np.arange(count), 2.0, make(vectors))
    for _ in range(2):
        assert [len(part) for part in found.around(np.arange(count))] == [0, 0, 0]
        assert found.degrees().tolist() == [0] * count


@makers
def test_a_pair_exactly_at_the_threshold_is_within_it(make):
    vectors = clumps(40, seed=4)
    distance = apart(vectors[3], vectors[17])
    for threshold, within in ((distance, True), (float(np.nextafter(distance, 0)), False)):
        found = Neighbours(Points(vectors), np.arange(40), threshold, make(vectors))
        degrees = found.degrees()
        expected = slow_pairs(vectors, threshold)
        assert ((3, 17) in expected) == within
        assert degrees.sum() == len(expected)


@makers
def test_points_that_are_all_the_same(make, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 16)
    vectors = np.repeat(on_circle(10), 50, axis=0)
    found = Neighbours(Points(vectors), np.arange(50), chord(1), make(vectors))
    assert set(found.degrees().tolist()) == {49}
    assert set(found.around(np.arange(50))[2].tolist()) == {0.0}


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
@pytest.mark.parametrize("threshold", [0.05, 0.35, 1.4])
def test_groups_do_not_depend_on_the_products(kind, threshold, tmp_path, monkeypatch):
    vectors, sizes = clumps(90, seed=2), [(10, 10)] * 90
    contents = [f"c{n:06d}" for n in range(90)]
    removed = list(range(0, 90, 7))
    there = [n for n in range(90) if n % 7]
    index = index_of(tmp_path / "i", vectors, kind=kind, segments=3, removed=removed)
    expected = slow_groups(vectors[there], [contents[n] for n in there], [sizes[n] for n in there], threshold)
    for most in (0, 1_000_000):
        monkeypatch.setattr(pair_list, "_MOST", most)
        monkeypatch.setattr(find, "products_for", lambda sample, count, *, gpu: TorchProducts(sample))
        report = find_duplicates(index, DuplicatesConfig(threshold=threshold, device="cpu"))
        assert {frozenset((there.index(n), d) for n, d in group) for group in told(report)} == expected


def test_the_recall_of_pairs_is_that_of_the_sample(tmp_path, monkeypatch):
    vectors = clumps(200, seed=5)
    index = index_of(tmp_path / "i", vectors, kind="hnsw")
    threshold = 0.2
    report = find_duplicates(index, DuplicatesConfig(threshold=threshold, device="cpu"))
    distinct = np.unique(vectors, axis=0)
    pairs = slow_pairs(distinct, threshold)
    assert report.recall.sampled == len(distinct)
    assert (report.recall.pairs, report.recall.pairs_found) == (len(pairs), len(pairs))
    assert report.to_dict()["recall_check"]["pairs"] == len(pairs)
    first = np.arange(40)
    monkeypatch.setattr(find, "candidates", lambda *_: first)
    fewer = find_duplicates(index, DuplicatesConfig(threshold=threshold, device="cpu")).recall
    assert fewer.pairs == len(pairs)
    assert 0 < fewer.pairs_found < len(pairs)
