"""Squared distances that structures return, or FAISS computes for candidate rows, against float64 sums."""

from __future__ import annotations

import numpy as np
import pytest

from search.indexes import KINDS, index_class
from search.indexes.allowed import Allowed, allowed_of
from search.indexes.squares import squares_of
from tests.indexes_of_vectors import clumps

MEASURED = ("hnsw", "hnswlib", "ivf")
"""Kinds that add up the squares of the vectors themselves."""


def true_squares(vectors: np.ndarray, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    apart = vectors.astype(np.float64)[rows] - queries.astype(np.float64)[:, None]
    return (apart**2).sum(axis=2)


def assert_rounded(squares: np.ndarray, truth: np.ndarray, dim: int) -> None:
    """As far from the truth as a float32 sum of so many terms may be, in any order."""
    assert squares.dtype == np.float32
    assert (np.abs(squares - truth) <= (dim + 2) * 2.0**-24 * truth + 1e-30).all()


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("dim", [1, 7, 64, 300])
def test_squares_of_rows(dim: int, count: int) -> None:
    vectors = clumps(500, seed=1, dim=dim)
    queries = np.concatenate([vectors[:20], clumps(20, seed=2, dim=dim)])[:count]
    rows = np.random.default_rng(0).integers(0, 500, (count, 30))
    assert_rounded(squares_of(vectors, queries, rows), true_squares(vectors, queries, rows), dim)


def test_rows_and_queries_of_any_layout(tmp_path) -> None:
    vectors = clumps(100, dim=16)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    queries, rows = vectors[::-7], np.array([[5, -1, 99, 0]] * 15)[:, ::-1]
    squares = squares_of(mapped, queries, rows)
    assert_rounded(squares[:, [0, 1, 3]], true_squares(vectors, queries, rows[:, [0, 1, 3]]), 16)
    assert squares_of(mapped, queries[:1], rows[:1, :0]).shape == (1, 0)


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flat"])
def test_squares_of_candidates_are_those_of_the_vectors_or_none(kind: str, filtered: bool) -> None:
    vectors, queries = clumps(3_000, seed=3, dim=32), clumps(6, seed=4, dim=32)
    index = index_class(kind)().build(vectors)
    index.effort = 64
    mask = np.arange(3_000) % 3 == 0 if filtered else None
    for asked in (queries, queries[:1]):
        rows, squares = index.candidates(asked, 20, mask)
        if kind not in MEASURED:
            assert squares is None
            continue
        assert squares is not None
        there = rows >= 0
        assert there.any()
        assert_rounded(squares[there], true_squares(vectors, asked, np.maximum(rows, 0))[there], 32)


def test_what_is_allowed_in_every_form() -> None:
    mask = np.random.default_rng(0).random(77) < 0.3
    allowed = Allowed(mask)
    assert allowed.count == mask.sum()
    assert allowed.rows.tolist() == [row for row in range(77) if mask[row]]
    assert np.unpackbits(allowed.bits, bitorder="little")[:77].tolist() == mask.astype(int).tolist()
    assert list(allowed.bytes) == mask.astype(int).tolist()
    derived = mask.nbytes + allowed.rows.nbytes + allowed.bits.nbytes + len(allowed.bytes)
    assert allowed.nbytes == pytest.approx(derived, abs=2)
    assert allowed_of(allowed) is allowed
    assert allowed_of(None) is None
    assert allowed_of(mask).count == allowed.count
    assert Allowed(np.zeros(0, dtype=np.bool_)).rows.tolist() == []


def test_clusters_say_whether_a_filter_depends_on_the_position() -> None:
    vectors = clumps(4_000, seed=5, dim=16)
    index = index_class("ivf")().build(vectors)
    near = np.zeros(4_000, dtype=np.bool_)
    near[np.argsort(vectors @ vectors[0])[-400:]] = True
    spread, narrow = Allowed(np.random.default_rng(1).permutation(near)), Allowed(near)
    assert index._spread(spread) == pytest.approx(1, abs=0.15)
    assert index._spread(narrow) < 0.5
    assert index._filtered_effort(narrow) > index._filtered_effort(spread) > index.effort
