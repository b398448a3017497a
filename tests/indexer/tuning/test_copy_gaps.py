"""Copies are found by the gap around them, whatever the distances are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.tuning.copy_gaps import surroundings

if TYPE_CHECKING:
    from search.types import Floats


def curved(count: int, inner: int, dim: int, seed: int) -> Floats:
    """Unit rows `(count, dim)` on a surface of `inner` dimensions: neighbours are much nearer than in all of space."""
    random = np.random.default_rng(seed)
    inside = random.uniform(-1, 1, (count, inner))
    bent = np.sin(inside @ np.random.default_rng(9).standard_normal((inner, dim)))
    return (bent / np.linalg.norm(bent, axis=1, keepdims=True)).astype(np.float32)


def beside(rows: Floats, distance: Floats | float, seed: int) -> Floats:
    """A row beside each, at about the distance."""
    away = np.random.default_rng(seed).standard_normal(rows.shape)
    moved = rows + np.reshape(distance, (-1, 1)) * away / np.linalg.norm(away, axis=1, keepdims=True)
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def distances(vectors: Floats, rows: Floats) -> Floats:
    return np.stack([np.linalg.norm(vectors.astype(np.float64) - row, axis=1) for row in rows.astype(np.float64)])


@pytest.mark.parametrize("inner", [3, 8, 20])
@pytest.mark.parametrize("count", [70, 700, 6_000])
def test_without_copies_hardly_any_row_has_some(inner: int, count: int) -> None:
    vectors = curved(count, inner, 64, 1)
    rows = np.arange(min(count, 300))
    around = surroundings(vectors, rows, count // 80)
    assert np.mean(around.within > 0) < 0.02
    others = distances(vectors, vectors[rows])
    others[rows, rows] = np.inf
    alone = around.within == 0
    assert np.allclose(around.nearest[alone], others.min(axis=1)[alone], atol=1e-3)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("inner", [8, 20])
@pytest.mark.parametrize(("times", "groups"), [(4, 1500), (16, 400), (100, 120), (700, 90)])
def test_copies_at_half_the_distance_of_other_rows(inner: int, times: int, groups: int) -> None:
    originals = curved(groups, inner, 64, 1)
    between = distances(originals, originals)
    np.fill_diagonal(between, np.inf)
    half = np.repeat(between.min(axis=1), times) / 2
    own = np.repeat(np.arange(groups), times)
    vectors = beside(originals[own], half / np.sqrt(2), 3)  # two copies are then half as far apart
    rows = np.random.default_rng(5).permutation(len(vectors))[:80]
    around = surroundings(vectors, rows, len(vectors) // 80)
    to_all = distances(vectors, vectors[rows])
    same = own[rows][:, None] == own[None]
    inside = to_all < around.within[:, None]
    found = (inside & same).sum(axis=1) / times
    wrong = (inside & ~same).sum(axis=1)
    assert np.mean(found > 0.8) > 0.85
    assert np.median(wrong) == 0
    nearest = np.where(same, np.inf, to_all).min(axis=1)
    assert np.median(around.nearest / nearest) == pytest.approx(1, abs=0.25)


def test_equal_rows() -> None:
    vectors = np.repeat(curved(300, 8, 32, 2), 5, axis=0)
    around = surroundings(vectors, np.arange(0, 1500, 7), 18)
    assert (around.within > 0).all()
    assert (around.nearest > around.within).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_tiny_collections(count: int) -> None:
    vectors = curved(count, 3, 8, 0)
    around = surroundings(vectors, np.arange(count), 0)
    assert not around.within.any()
    assert around.nearest.shape == (count,)


def test_nothing_but_one_row() -> None:
    vectors = np.repeat(curved(1, 3, 8, 0), 500, axis=0)
    around = surroundings(vectors, np.arange(20), 6)
    assert around.within.shape == (20,)
    assert np.isfinite(around.nearest).all()
