import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from indexer.exchange.unit_vectors import check_type, unit_rows
from search.errors import DataError
from tests.indexer.exchange.conftest import unit

HERE = Path("v.npy")


def by_hand(vectors: np.ndarray) -> list[list[float]]:
    """Rows divided by their length, one number at a time, with exact integer sums."""
    return [[float(x) / math.hypot(*map(float, row)) for x in row] for row in vectors]


def test_unit_rows_are_not_changed() -> None:
    vectors = unit(500, 64)
    rows, far = unit_rows(vectors, 0, HERE, normalize=False)
    assert rows.dtype == np.float32
    assert far == 0
    np.testing.assert_array_equal(rows, vectors)
    np.testing.assert_array_equal(unit_rows(vectors, 0, HERE, normalize=True)[0], vectors)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_types_are_converted_and_rounding_is_corrected(dtype: object) -> None:
    vectors = unit(50, 64).astype(dtype)
    rows, far = unit_rows(vectors, 0, HERE, normalize=False)
    assert (rows.dtype, far) == (np.float32, 0)
    np.testing.assert_allclose(rows, by_hand(vectors), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=5e-7)


@pytest.mark.parametrize("size", [3.0, 1e-30, 1e-300, 1e200, 1.7e308])
def test_other_lengths_are_reported_or_normalized(size: float) -> None:
    vectors = unit(6, 8).astype(np.float64)
    vectors[4] *= size
    with pytest.raises(DataError, match=r"v\.npy: row 104 .* has the length .* instead of 1: --normalize"):
        unit_rows(vectors, 100, HERE, normalize=False)
    rows, far = unit_rows(vectors, 100, HERE, normalize=True)
    assert far == 1
    np.testing.assert_allclose(rows, unit(6, 8), atol=1e-6)


def test_the_length_is_reported() -> None:
    with pytest.raises(DataError, match="has the length 5 instead"):
        unit_rows(np.array([[3.0, 4.0]]), 0, HERE, normalize=False)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("value", "says"), [(np.nan, "not finite"), (np.inf, "not finite"), (-np.inf, "not finite")])
def test_values_that_are_not_finite(value: float, says: str, normalize: bool) -> None:
    vectors = unit(5)
    vectors[3, 2] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=rf"row 3 .* {says}"):
            unit_rows(vectors, 0, HERE, normalize=normalize)


@pytest.mark.parametrize("normalize", [False, True])
def test_rows_of_zeros_are_rejected(normalize: bool) -> None:
    vectors = unit(5)
    vectors[2] = 0
    with pytest.raises(DataError, match=r"row 2 .* all zeros"):
        unit_rows(vectors, 0, HERE, normalize=normalize)


@pytest.mark.parametrize("shape", [(4,), (4, 2, 2), (0, 4), (4, 0), ()])
def test_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="shape"):
        check_type(np.ones(shape, dtype=np.float32), HERE)


@pytest.mark.parametrize("dtype", [np.int8, np.bool_, np.complex64, np.longdouble, "U3"])
def test_other_types_are_rejected(dtype: object) -> None:
    with pytest.raises(DataError, match="must be float32"):
        check_type(np.ones((2, 2)).astype(dtype), HERE)
