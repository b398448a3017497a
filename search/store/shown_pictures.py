"""What hits show of their pictures, looked up by row and cached for one snapshot of the catalog."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.store.catalog import Catalog
    from search.store.metadata import StoredColumn
    from search.store.records import ShownRecord

_BYTES = 32 * 2**20
"""Size of the cache: about 40,000 pictures without metadata. SQLite takes longer to find ten than FAISS to search."""
_RECORD_BYTES = 800
"""A record with its path, which takes most of it, and its place in the cache."""
_VALUE_BYTES = 120


class ShownPictures:
    """Looks up the pictures at rows of segments; safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        """Read from this snapshot, in which a row always has the same picture."""
        self._catalog = catalog
        self._cached: dict[int, dict[int, ShownRecord]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def at(self, segment: int, rows: Sequence[int]) -> list[ShownRecord | None]:
        """The picture at each row of a segment, in their order; None for a row without a picture."""
        known = self._cached.get(segment, {})
        records = list(map(known.get, rows))
        if all(records):
            return records
        missing = {row for row, record in zip(rows, records, strict=True) if record is None}
        found = self._catalog.pictures.shown_at(segment, sorted(missing), self._columns)
        self._keep(segment, found)
        return [found.get(row) if record is None else record for row, record in zip(rows, records, strict=True)]

    @cached_property
    def _columns(self) -> list[StoredColumn]:
        return self._catalog.metadata.stored_columns()

    def _keep(self, segment: int, found: dict[int, ShownRecord]) -> None:
        """Cache records; all older ones go when there is no more room, which costs less than keeping their order."""
        size = sum(map(_size, found.values()))
        with self._lock:
            if self._bytes + size > _BYTES:
                self._cached, self._bytes = {}, 0
            if size <= _BYTES:
                self._cached.setdefault(segment, {}).update(found)
                self._bytes += size


def _size(record: ShownRecord) -> int:
    values = record.metadata.values()
    return _RECORD_BYTES + sum(_VALUE_BYTES + (2 * len(each) if isinstance(each, str) else 0) for each in values)
