"""Rows that a structure is built without: queries first, while its effort is tuned, and entered afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from search.types import Rows

_AT_ONCE = 16_384
"""Rows that are copied at once on their way into a structure."""


def held_out_last(held_out: Rows, size: int) -> Rows:
    """An order `(size,)` of all rows with those held out last.

    As many pairs of rows change places as it takes, so that the order is its own inverse.
    """
    order = np.arange(size, dtype=np.int64)
    last = order[size - len(held_out) :]
    ahead, behind = np.setdiff1d(held_out, last), np.setdiff1d(last, held_out)
    order[ahead], order[behind] = behind, ahead
    return order


def in_parts(rows: Rows) -> Iterator[Rows]:
    """The same rows, so many at a time that a copy of their vectors is small."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
