"""The map of an open index, computed once for all sessions: positions, colours, and the bytes that browsers get."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from app_parts.map.colours import coloured, of_ids
from app_parts.map.plane import fitted, layout_of, packed
from search.text import counted

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex
    from search.query.collection_map import CollectionMap

KEPT_COLOURS = 8
"""Colourings that are kept: about a megabyte each for 100,000 pictures."""
CLUSTER = "cluster"
LABEL = "label"


class SharedMap:
    """A map with its points in [-1, 1], and their colours by one column or another."""

    def __init__(self, opened: SharedIndex, kept: CollectionMap) -> None:
        self.kept = kept
        self.points = fitted(kept.positions)
        self.layout = layout_of(self.points)
        self._values = opened.engine.values
        self._packed: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def coloured_by(self, column: str, theme: str) -> bytes:
        """The points with their colours, as `plane.draw_plane` takes them; the most recent ones are kept.

        Raises:
            QueryError: there is no such column.
        """
        with self._lock:
            data = self._packed.pop((column, theme), None)
            if data is None:
                about = f"Map of {counted(len(self.kept), 'picture')}, coloured by {column}"
                data = packed(self.points, coloured(self._column(column), theme), about)
            self._packed[column, theme] = data
            if len(self._packed) > KEPT_COLOURS:
                del self._packed[next(iter(self._packed))]
            return data

    def _column(self, column: str) -> list[object]:
        if column == CLUSTER:
            return [self.kept.names[number] for number in self.kept.clusters.tolist()]
        return of_ids(self.kept.ids.tolist(), self._values(column))


_maps: WeakKeyDictionary[SharedIndex, SharedMap | None] = WeakKeyDictionary()
_reading = threading.Lock()


def shared_map(opened: SharedIndex) -> SharedMap | None:
    """The map of an open index; None if it has none.

    Raises:
        TwinlensError: it is damaged.
    """
    with _reading:  # one session places new pictures, and others wait for its result
        if opened not in _maps:
            kept = opened.engine.map()
            _maps[opened] = None if kept is None else SharedMap(opened, kept)
        return _maps[opened]
