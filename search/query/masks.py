"""Filters as masks over the rows of a segment, remembered for as long as the snapshot that they are taken from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from search.errors import IndexFolderError
from search.store.segments import beyond

if TYPE_CHECKING:
    from search.filters.conditions import Condition
    from search.store.catalog import Catalog
    from search.types import Mask

_BYTES = 64 * 1024 * 1024
"""Masks remembered: a byte a row. The same filter comes with every query of a session."""


class FilterMasks:
    """Which rows of a segment a condition takes in; safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        """Take the snapshot, which answers a condition always alike."""
        self._catalog = catalog
        self._masks: OrderedDict[tuple[int, str], Mask] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def mask(self, segment: int, rows: int, condition: Condition) -> Mask:
        """Return `(rows,) bool`, not to be altered; raises QueryError for a condition that cannot be."""
        key = segment, repr(condition)  # not the condition: 1, 1.0 and True are equal and not the same question
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        mask = np.zeros(rows, dtype=np.bool_)
        chosen = self._catalog.places.rows_where(segment, condition)
        if chosen and not 0 <= chosen[0] <= chosen[-1] < rows:
            raise IndexFolderError(f"{self._catalog.folder}: segment {segment} {beyond(chosen[-1], rows)}")
        mask[chosen] = True
        with self._lock:
            if key not in self._masks:
                self._masks[key] = mask
                self._bytes += mask.nbytes
            while self._bytes > _BYTES and len(self._masks) > 1:
                self._bytes -= self._masks.popitem(last=False)[1].nbytes
        return mask
