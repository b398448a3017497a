"""Whether a near picture may be folded under a hit: a second look at both files, as vectors alone see no words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.comparison.looks import Look, look_at
from search.pictures.source import file_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.store.records import PictureRecord
    from search.types import Hit

_MOST_LOOKS = 256
"""Files that are read for one query. Beyond that a near picture is shown on its own."""


class Folding:
    """What was seen of the files of one query.

    Files of the same bytes are folded. Of others, an animation or a file of several pages never is, nor under one,
    and two pictures are that share their detail. Where a file is gone, unreadable, or no longer what was indexed, the
    vectors decide.
    """

    def __init__(self, records_of: Callable[[Sequence[int]], Sequence[PictureRecord]]) -> None:
        """Take `records_of`, which gives the catalog's records of pictures by id."""
        self._records_of = records_of
        self._records: dict[int, PictureRecord] = {}
        self._looks: dict[int, Look | None] = {}

    def differ(self, stays: Hit, near: Hit) -> bool:
        """Whether both are known to show different things, or it was not looked at any more."""
        self._records |= {each.id: each for each in self._records_of([stays.id, near.id])}
        ours, other = self._records[stays.id], self._records[near.id]
        if ours.content and ours.content == other.content:
            return False
        if self._seen >= _MOST_LOOKS and not {ours.id, other.id} <= self._looks.keys():
            return True
        looks = (self._look(ours), self._look(other))
        if looks[0] is None or looks[1] is None:
            return False
        return looks[0].several or looks[1].several or not looks[0].may_show(looks[1])

    @property
    def _seen(self) -> int:
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
