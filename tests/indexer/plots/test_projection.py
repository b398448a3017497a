"""Layouts of embeddings in the plane."""

import numpy as np
import pytest

from indexer.plots.projection import FEW, project


def groups(count: int, dim: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    of = np.arange(count) % 3
    vectors = generator.normal(size=(count, dim)) * 0.02 + np.eye(dim)[of]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


def test_pca_keeps_the_largest_variance() -> None:
    vectors, _ = groups(40)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * singular[:2]
    placed = project(vectors, method="pca").astype(np.float64)
    np.testing.assert_allclose(placed @ placed.T, expected @ expected.T, atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 20])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_few_vectors_are_laid_out(count: int, dim: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    placed = project(vectors)
    assert placed.shape == (count, 2)
    assert placed.dtype == np.float32
    assert np.isfinite(placed).all()
    if dim == 2:
        np.testing.assert_array_equal(placed, vectors)


@pytest.mark.slow
def test_umap_keeps_groups_together_reproducibly() -> None:
    vectors, of = groups(FEW + 10)
    vectors[:5] = vectors[0]  # duplicates
    placed = project(vectors, seed=1)
    np.testing.assert_array_equal(placed, project(vectors, seed=1))
    gaps = np.linalg.norm(placed[:, None] - placed[None], axis=2) + np.eye(len(placed)) * 1e9
    assert np.mean(of[gaps.argmin(axis=1)][5:] == of[5:]) > 0.9


def test_equal_vectors_are_laid_out() -> None:
    assert np.isfinite(project(np.ones((10, 4), np.float32))).all()


@pytest.mark.parametrize(
    ("vectors", "method"),
    [(np.ones(3), "auto"), (np.full((3, 3), np.nan), "auto"), (np.ones((3, 3)), "tsne")],
)
def test_invalid_vectors_and_methods(vectors: np.ndarray, method: str) -> None:
    with pytest.raises(ValueError, match=r"finite|unknown projection"):
        project(vectors, method=method)
