"""Decide whether a near copy is folded under a hit by comparing both files: embeddings do not see printed words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.comparison.file_sketches import FileSketch, sketch_file
from search.pictures.source import file_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.store.records import PictureRecord
    from search.types import Hit

_MOST_FILES = 256
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
        self._sketches: dict[int, FileSketch | None] = {}

    def differ(self, kept: Hit, other: Hit) -> bool:
        """Whether both show different things, or too many files were read already to compare them."""
        self._records |= {each.id: each for each in self._records_of([kept.id, other.id])}
        one, two = self._records[kept.id], self._records[other.id]
        if one.content and one.content == two.content:
            return False
        if self._files_read >= _MOST_FILES and not {one.id, two.id} <= self._sketches.keys():
            return True
        sketches = (self._sketch(one), self._sketch(two))
        if sketches[0] is None or sketches[1] is None:
            return False
        return sketches[0].several or sketches[1].several or not sketches[0].may_show_same(sketches[1])

    @property
    def _files_read(self) -> int:
        return sum(sketch is not None for sketch in self._sketches.values())

    def _sketch(self, record: PictureRecord) -> FileSketch | None:
        if record.id not in self._sketches:
            self._sketches[record.id] = sketch_file(record.path) if _as_indexed(record) else None
        return self._sketches[record.id]


def _as_indexed(record: PictureRecord) -> bool:
    try:
        status = record.path.stat()
    except (OSError, ValueError):
        return False
    return file_version(status) == (record.bytes, record.mtime_ns)
