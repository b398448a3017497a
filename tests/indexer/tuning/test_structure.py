"""A structure says the recall that it was measured to have."""

import numpy as np
import pytest

from indexer.tuning.efforts import tune
from indexer.tuning.probes import probes_of
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.indexes import index_class
from search.store.segments import Segment


def clustered(count: int, dim: int = 16) -> np.ndarray:
    random = np.random.default_rng(1)
    centres = random.standard_normal((20, dim))
    vectors = centres[random.integers(0, 20, count)] + 0.5 * random.standard_normal((count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
def test_the_recall_told_is_the_recall_of_new_queries(kind: str) -> None:
    """Spread evenly in 32 dimensions: a graph finds its own rows far more easily than others."""
    spread = np.random.default_rng(2).standard_normal((5000, 32)).astype(np.float32)
    spread /= np.linalg.norm(spread, axis=1, keepdims=True)
    vectors, queries = spread[:4000], spread[4000:]
    built = build_structure(vectors, BuildConfig(kind=kind, recall=0.9, device="cpu"))
    structure, recall = built.structure, built.recall
    assert recall is not None
    assert recall >= 0.9
    found = Segment(1, vectors, structure).search(queries, 10)[1]
    truth = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :10]
    had = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(found.tolist(), truth.tolist(), strict=True)])
    assert had == pytest.approx(recall, abs=0.02)


@pytest.mark.parametrize("kind", ["ivf", "ivfpq", "ivfpq4"])
@pytest.mark.parametrize("clusters", [60, 150])
def test_probes_are_no_answers_where_the_structure_finds_too_few(kind: str, clusters: int) -> None:
    """A cluster of a few rows answers a few; the exact fallback must look for the rest where recall is counted."""
    vectors = clustered(600)
    probes = np.random.default_rng(5).permutation(600)[:60]
    structure = index_class(kind)(device="cpu", nlist=clusters).build(vectors, held_out=probes)
    measured = tune(structure, vectors, probes_of(vectors, probes, vectors[probes], "held-out rows"), 0.0).value
    assert structure.effort == 1

    others = np.setdiff1d(np.arange(600), probes)
    had, short = [], 0
    candidates = structure.search(vectors[probes], 10 * structure.overfetch + 16)[1]
    for probe, mine in zip(probes, candidates, strict=True):
        apart = np.linalg.norm(vectors.astype(np.float64) - vectors[probe], axis=1)
        truth = set(others[np.argsort(apart[others], kind="stable")][:10].tolist())
        found = mine[mine >= 0]
        if len(found) < 10:
            short += 1
            had.append(1.0)
        else:
            had.append(len(truth & set(found[np.argsort(apart[found], kind="stable")][:10].tolist())) / 10)
    assert short > 0
    assert measured == pytest.approx(np.mean(had))
    structure.complete()
    own = Segment(1, vectors, structure).search(vectors[probes], 3)[1]
    assert (own[:, 0] == probes).mean() > 0.9, "they answer once they are entered"


@pytest.mark.parametrize("kind", ["ivf", "ivfpq", "ivfpq4"])
def test_as_many_clusters_as_rows(kind: str) -> None:
    vectors = clustered(100)
    structure = index_class(kind)(device="cpu", nlist=100, effort=100).build(vectors, held_out=np.arange(5))
    structure.complete()
    rows = Segment(1, vectors, structure).search(vectors, 1)[1]
    assert rows[:, 0].tolist() == list(range(100))


def test_ranges_of_rounded_vectors_cover_rows_that_are_held_out() -> None:
    """Rows beyond the range of all others are not cut off to it."""
    vectors = clustered(1000)
    vectors[7] = np.eye(16, dtype=np.float32)[3]
    structure = index_class("hnsw8")(device="cpu").build(vectors, held_out=np.array([7]))
    structure.complete()
    distances, rows = structure.search(vectors[7:8], 1)
    assert (rows[0, 0], distances[0, 0]) == (7, pytest.approx(0, abs=0.02))


def test_more_recall_costs_more_effort() -> None:
    vectors = clustered(4000)
    low = build_structure(vectors, BuildConfig(kind="ivf", recall=0.3, device="cpu")).structure
    high = build_structure(vectors, BuildConfig(kind="ivf", recall=0.999, device="cpu")).structure
    assert low.effort is not None
    assert high.effort is not None
    assert low.effort < high.effort


def test_auto_is_exact_while_that_is_fast() -> None:
    built = build_structure(clustered(500), BuildConfig(device="cpu"))
    assert (built.structure.kind, built.recall) == ("flat", None)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("kind", ["flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
def test_hardly_any_vectors(kind: str, count: int) -> None:
    vectors = clustered(5)[:count]
    structure = build_structure(vectors, BuildConfig(kind=kind, device="cpu")).structure
    distances, rows = Segment(1, vectors, structure).search(clustered(1), 3)
    assert sorted(rows[0].tolist(), reverse=True)[:count] == list(range(count))[::-1]
    assert np.isinf(distances[0, count:]).all()
