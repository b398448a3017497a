"""Products of blocks against distances that are measured one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from search.indexes import products
from search.indexes.products import GpuProducts, NumpyProducts, Products, TorchProducts, bfloat16_error, products_for
from tests.indexes_of_vectors import clumps, unit


class InBfloat16(TorchProducts):
    """In bfloat16 on every machine."""

    def __init__(self, sample: np.ndarray) -> None:
        super().__init__(sample)
        self._half = True


ON_GPU = pytest.param(lambda _: GpuProducts(), marks=pytest.mark.gpu)
MAKERS = pytest.mark.parametrize("make", [lambda _: NumpyProducts(), TorchProducts, InBfloat16, ON_GPU])


def above(made: Products, rows: np.ndarray, columns: np.ndarray, limit: float):
    found = made.above(made.prepare(rows), made.prepare(columns), limit)
    return list(zip(*(part.tolist() for part in found), strict=True))


@MAKERS
@pytest.mark.parametrize("limit", [-1.0, -0.2, 0.0, 0.002, 0.3, 0.9388, 0.9999, 1.0])
def test_no_pair_is_lost_and_what_is_sure_is_right(make, limit, monkeypatch):
    monkeypatch.setattr(products, "_ROWS", 7)
    vectors = clumps(60, seed=3, dim=33, spread=0.2)
    rows, columns = vectors[:25], vectors[20:]
    exact = rows.astype(np.float64) @ columns.astype(np.float64).T
    found = above(make(vectors), rows, columns, limit)
    assert [pair[:2] for pair in found] == sorted(pair[:2] for pair in found)
    assert {pair[:2] for pair in found} >= set(zip(*map(np.ndarray.tolist, np.nonzero(exact >= limit)), strict=True))
    assert all(exact[row, column] >= limit for row, column, sure in found if sure)
    tolerance = bfloat16_error(33)
    assert all(exact[row, column] >= limit - 2 * tolerance for row, column, _ in found)
    decided = {(row, column) for row, column, sure in found if sure}
    assert all(tuple(pair) in decided for pair in np.argwhere(exact >= limit + 2 * tolerance).tolist())


@MAKERS
def test_blocks_without_rows_or_columns(make):
    vectors, none = clumps(5), np.empty((0, 8), dtype=np.float32)
    for rows, columns in ((none, vectors), (vectors, none), (none, none)):
        assert above(make(vectors), rows, columns, 0.5) == []


def test_the_error_bound_of_bfloat16_holds():
    random = np.random.default_rng(0)
    for dim in (1, 2, 8, 100, 256, 1000):
        rows = unit(random.standard_normal((200, dim)))
        exact = rows.astype(np.float64) @ rows.astype(np.float64).T
        rounded = torch.from_numpy(rows).bfloat16()
        error = np.abs((rounded @ rounded.T).float().numpy() - exact).max()
        assert error <= bfloat16_error(dim), dim
    assert bfloat16_error(256) < 0.0119


def test_blocks_with_too_many_open_pairs_are_multiplied_in_float32():
    vectors = clumps(300, dim=64, spread=0.02)
    made = InBfloat16(vectors)
    limit = 0.9995
    for number in range(products._TRIED + 1):
        found = above(made, vectors, vectors, limit)
        assert sum(not sure for *_, sure in found) < 100
        assert made._half == (number + 1 < products._TRIED)


def test_the_number_of_threads_is_left_as_it_was():
    before = torch.get_num_threads()
    made = TorchProducts(clumps(10))
    with made.threads() as pool:
        assert set(pool.map(lambda _: torch.get_num_threads(), range(20))) == {1}
    assert torch.get_num_threads() == before


def test_few_rows_need_no_torch():
    assert isinstance(products_for(clumps(10), 10, gpu=False), NumpyProducts)
    assert isinstance(products_for(clumps(10), 100_000, gpu=False), TorchProducts)
    assert isinstance(products_for(clumps(10), 10, gpu=True), NumpyProducts)
