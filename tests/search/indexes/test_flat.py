"""The exact kind over more rows than a few groups of columns, compared with a sort of all distances."""

import numpy as np
import pytest

from search.indexes.flat import FlatIndex

K = 3
FIRST = 8 * 64 * K
"""Rows from which columns are grouped for K hits."""


def unit(rows, dim=16, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sorted_rows(vectors, query, k, mask=None):
    """Rows by distance in float64, ties by row."""
    apart = np.linalg.norm(vectors.astype(np.float64) - query.astype(np.float64), axis=1)
    rows = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask)
    return rows[np.lexsort((rows, apart[rows]))[:k]]


@pytest.mark.parametrize("extra", [-1, 0, 1, 63, 64, 700])
@pytest.mark.parametrize("masked", [False, True])
def test_finds_the_rows_of_a_sort(extra, masked):
    vectors, queries = unit(FIRST + extra), unit(40, seed=1)
    mask = np.random.default_rng(2).random(len(vectors)) < 0.5 if masked else None
    _, rows = FlatIndex().build(vectors).search(queries, K, mask)
    for query, found in zip(queries, rows, strict=True):
        np.testing.assert_array_equal(found, sorted_rows(vectors, query, K, mask))


@pytest.mark.parametrize("extra", [0, 5])
def test_finds_neighbours_that_share_a_group(extra):
    vectors, query = unit(FIRST + extra), unit(1, seed=1)
    groups = len(vectors) // 64
    near = np.arange(7, len(vectors), groups)[:20]  # all in one group
    vectors[near] = query + 0.001 * np.arange(20, 0, -1)[:, None] * unit(20, seed=3)
    vectors[near] /= np.linalg.norm(vectors[near], axis=1, keepdims=True)
    _, rows = FlatIndex().build(vectors).search(query, K)
    np.testing.assert_array_equal(rows[0], sorted_rows(vectors, query[0], K))
    assert set(rows[0]) <= set(near)


def test_returns_equal_rows_by_row():
    vectors = np.repeat(unit(1), FIRST, axis=0)
    _, rows = FlatIndex().build(vectors).search(vectors[:2], K)
    np.testing.assert_array_equal(rows, [[0, 1, 2]] * 2)


@pytest.mark.parametrize("masked", [False, True])
def test_rows_at_the_greatest_distance_are_equally_far(masked):
    base = unit(1)
    vectors = base + 0.02 * unit(FIRST + 5, seed=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mask = np.arange(len(vectors)) % 4 > 0 if masked else None
    distances, rows = FlatIndex().build(vectors).search(np.float32(-1.0009) * base, K, mask)
    assert (distances[0].tolist(), rows[0].tolist()) == ([2.0] * K, [1, 2, 3] if masked else [0, 1, 2])


def test_finds_the_last_columns_which_are_in_no_group():
    vectors, query = unit(FIRST + 63), unit(1, seed=1)
    vectors[-3:] = query
    _, rows = FlatIndex().build(vectors).search(query, K)
    np.testing.assert_array_equal(rows[0], len(vectors) - np.array([3, 2, 1]))
