"""The graph of neighbours that UMAP lays out."""

import math

import numpy as np
import pytest

from indexer.plots.fuzzy_graph import fuzzy_graph


def some_vectors(count: int, *, duplicates: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)
    vectors[:duplicates] = vectors[0]
    return vectors


def by_loops(vectors: np.ndarray, count: int) -> np.ndarray:
    """Algorithm 3 of the paper, one vector at a time."""
    graph = np.zeros((len(vectors), len(vectors)))
    for here in range(len(vectors)):
        apart = [math.dist(vectors[here], other) for other in vectors]
        nearest = sorted(range(len(vectors)), key=lambda other: (apart[other], other))[:count]
        rho = min((apart[other] for other in nearest if apart[other] > 0), default=0.0)
        low, high = 0.0, 1e6
        for _ in range(200):
            scale = (low + high) / 2
            total = sum(math.exp(-max(apart[other] - rho, 0) / scale) for other in nearest[1:])
            low, high = (low, scale) if total > math.log2(count) else (scale, high)
        for other in nearest:
            if other != here:
                graph[here, other] = math.exp(-max(apart[other] - rho, 0) / scale)
    return graph + graph.T - graph * graph.T


@pytest.mark.parametrize(("count", "neighbours"), [(40, 15), (20, 5), (16, 15)])
def test_against_loops(count: int, neighbours: int) -> None:
    vectors = some_vectors(count)
    np.testing.assert_allclose(fuzzy_graph(vectors, neighbours).toarray(), by_loops(vectors, neighbours), atol=1e-4)


@pytest.mark.parametrize("duplicates", [1, 4, 30])
def test_duplicates_have_finite_memberships(duplicates: int) -> None:
    graph = fuzzy_graph(some_vectors(30, duplicates=duplicates), 10).toarray()
    assert np.isfinite(graph).all()
    assert ((graph >= 0) & (graph <= 1)).all()
    np.testing.assert_array_equal(graph, graph.T)
    assert (np.diag(graph) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("duplicates", [1, 5])
@pytest.mark.filterwarnings("ignore")  # umap-learn's own, about what it can import
def test_against_umap(duplicates: int) -> None:
    from umap.umap_ import fuzzy_simplicial_set

    vectors = some_vectors(300, duplicates=duplicates)
    expected = fuzzy_simplicial_set(vectors, 15, np.random.RandomState(0), "euclidean")[0].toarray()
    np.testing.assert_allclose(fuzzy_graph(vectors, 15).toarray(), expected, atol=1e-3)
