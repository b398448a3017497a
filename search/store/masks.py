"""Filters as the rows of a segment that they allow, cached for one snapshot of the catalog."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from search.errors import IndexFolderError
from search.store.segments import beyond

if TYPE_CHECKING:
    from search.filters.conditions import Condition
    from search.indexes.allowed import Allowed
    from search.store.catalog import Catalog
    from search.store.segments import Segment

_BYTES = 64 * 1024 * 1024
"""Size of the cache, with everything that structures derive from a mask. The queries of a session often share a
filter."""


class FilterMasks:
    """The rows of a segment that match a condition; safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        """Read from this snapshot, in which a condition always matches the same rows."""
        self._catalog = catalog
        self._masks: OrderedDict[tuple[int, str], Allowed] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def allowed(self, segment: Segment, condition: Condition) -> Allowed:
        """Return the live rows that match; raises QueryError if the condition is invalid."""
        key = segment.id, repr(condition)  # not the condition itself: 1, 1.0 and True are equal, but not as filters
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        rows = len(segment.vectors)
        mask = np.zeros(rows, dtype=np.bool_)
        chosen = self._catalog.places.rows_where(segment.id, condition)
        if chosen and not 0 <= chosen[0] <= chosen[-1] < rows:
            raise IndexFolderError(f"{self._catalog.folder}: segment {segment.id} {beyond(chosen[-1], rows)}")
        mask[chosen] = True
        allowed = segment.allowed(mask)
        with self._lock:
            if key not in self._masks:
                self._masks[key] = allowed
                self._bytes += allowed.nbytes
            while self._bytes > _BYTES and len(self._masks) > 1:
                self._bytes -= self._masks.popitem(last=False)[1].nbytes
        return allowed
