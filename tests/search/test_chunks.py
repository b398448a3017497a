"""Long sequences a part at a time, compared with a loop over single items."""

import numpy as np
import pytest

from search.chunks import BOUND_VALUES, chunks


@pytest.mark.parametrize("size", [1, 3, 7, 8])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 20])
def test_every_item_comes_once_and_in_order(count: int, size: int) -> None:
    parts = list(chunks(list(range(count)), size))
    assert [item for part in parts for item in part] == list(range(count))
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


def test_arrays_and_ranges_come_as_slices_of_their_own_type() -> None:
    assert [part.tolist() for part in chunks(np.arange(5), 2)] == [[0, 1], [2, 3], [4]]
    assert list(chunks(range(5), 4)) == [range(4), range(4, 5)]


def test_a_chunk_fits_the_oldest_limit_of_sqlite() -> None:
    assert max(map(len, chunks(range(5_000)))) == BOUND_VALUES <= 999
