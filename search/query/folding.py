"""Decide whether a near copy is folded under a hit by comparing both files: embeddings do not see printed words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.comparison.looks import Look, look_at
from search.pictures.source import file_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.store.records import PictureRecord
    from search.types import Hit

_MOST_LOOKS = 256
"""Most files that are read for one query; beyond that a near copy stays a hit of its own."""


class Folding:
    """Compares the files of one query, and reads each of them once.

    Files of the same bytes are folded. Of other files, animations and files of several pages never are; two single
    pictures are if they share their detail. If a file is gone, unreadable or changed since it was indexed, the vectors
    decide.
    """

    def __init__(self, records_of: Callable[[Sequence[int]], Sequence[PictureRecord]]) -> None:
        """`records_of` returns the catalog's records of pictures by id."""
        self._records_of = records_of
        self._records: dict[int, PictureRecord] = {}
        self._looks: dict[int, Look | None] = {}

    def differ(self, kept: Hit, other: Hit) -> bool:
        """Whether both show different things, or too many files were read already to compare them."""
        self._records |= {each.id: each for each in self._records_of([kept.id, other.id])}
        one, two = self._records[kept.id], self._records[other.id]
        if one.content and one.content == two.content:
            return False
        if self._files_read >= _MOST_LOOKS and not {one.id, two.id} <= self._looks.keys():
            return True
        looks = (self._look(one), self._look(two))
        if looks[0] is None or looks[1] is None:
            return False
        return looks[0].several or looks[1].several or not looks[0].may_show(looks[1])

    @property
    def _files_read(self) -> int:
        return sum(look is not None for look in self._looks.values())

    def _look(self, record: PictureRecord) -> Look | None:
        if record.id not in self._looks:
            self._looks[record.id] = look_at(record.path) if _as_indexed(record) else None
        return self._looks[record.id]


def _as_indexed(record: PictureRecord) -> bool:
    try:
        status = record.path.stat()
    except (OSError, ValueError):
        return False
    return file_version(status) == (record.bytes, record.mtime_ns)
