"""The rows that a filtered search may return, in the forms that structures need."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Mask, Rows


class Allowed:
    """A mask of rows, and what is derived from it once, for all queries that share a filter.

    The mask must not change any more. Safe to use from several threads, which may derive the same thing twice.
    """

    def __init__(self, mask: Mask) -> None:
        """`mask` is `(N,) bool`."""
        self.mask = mask
        self.spread: float | None = None
        """What `FaissIvfIndex` found out of the clusters that the rows are in."""
        self.count = int(np.count_nonzero(mask))

    @cached_property
    def rows(self) -> Rows:
        """The allowed rows, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """One bit per row, the first in the least significant bit."""
        return np.packbits(self.mask, bitorder="little")

    @cached_property
    def bytes(self) -> bytes:
        """One byte per row, which Python reads faster than the mask."""
        return self.mask.tobytes()

    @property
    def nbytes(self) -> int:
        """Memory that the mask takes with everything that may be derived from it."""
        return 2 * len(self.mask) + len(self.mask) // 8 + 8 * self.count


def allowed_of(given: Any) -> Allowed | None:
    """Accept a mask `(N,) bool` where an `Allowed` is wanted; None is every row."""
    return given if given is None or isinstance(given, Allowed) else Allowed(given)
