"""What a scan found, against what the catalog knows: which files must be looked at, and which pictures are gone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from indexer.labelling import Labeller
    from indexer.scan import FoundFile
    from indexer.staging import LookedAt
    from search.catalog import Catalog
    from search.records import PictureRecord

_CHUNK = 2_000
"""Files looked up at once."""


@dataclass(slots=True)
class Survey:
    """What the files of a scan are to an index, before any of them was read."""

    todo: list[tuple[FoundFile, PictureRecord | None]] = field(default_factory=list)
    """Files that are new, or not as they were when they were indexed, by path."""
    relabelled: list[tuple[PictureRecord, str | None]] = field(default_factory=list)
    """Pictures whose file is unchanged, with the label that they have from now on, and the one that they had."""
    gone: list[PictureRecord] = field(default_factory=list)
    """Pictures whose file is not there any more."""
    unchanged: int = 0

    def add(self, file: FoundFile, record: PictureRecord | None, label: str | None) -> None:
        """Put one file where it belongs."""
        if record is None or not is_same(record, file):
            self.todo.append((file, record))
        elif record.label != label:
            self.relabelled.append((replace(record, label=label), record.label))
        else:
            self.unchanged += 1


def is_same(record: PictureRecord | LookedAt | None, file: FoundFile) -> bool:
    """Whether a file has the size and time that it had when it was read, as git and rsync decide."""
    return record is not None and (record.bytes, record.mtime_ns) == (file.bytes, file.mtime_ns)


def is_unsettled(file: FoundFile, unsettled: tuple[int, int] | None) -> bool:
    """Whether a file was changed within a time, from when to when in nanoseconds since the epoch."""
    return unsettled is not None and unsettled[0] < file.mtime_ns <= unsettled[1]


def survey_files(catalog: Catalog, files: list[FoundFile], label: Labeller) -> Survey:
    """Survey some files; nothing else is gone."""
    survey = Survey()
    for chunk in _chunks(files):
        found = catalog.pictures_at_paths([str(file.path) for file in chunk])
        known = {record.path: record for record in found}
        for file in chunk:
            record = known.get(file.path)
            survey.add(file, record, label(file.path, record))
    return survey


def survey_folder(catalog: Catalog, files: list[FoundFile], root: Path, label: Labeller, *,
                  unseen: Collection[Path] = (), unsettled: tuple[int, int] | None = None) -> Survey:  # fmt: skip
    """Survey a whole folder: a picture of the index that lies below it and was not found is gone.

    The files and the pictures of the catalog, both in the order of their paths, are read side by side, so that no more
    than a page of the catalog is held.

    Args:
        catalog: the index.
        files: those below `root`, by the bytes of their paths.
        root: a folder; or a file, which is a collection of its own.
        label: decides the label of each picture.
        unseen: folders and files that could not be looked into: what lies there is not gone.
        unsettled: from when to when, in nanoseconds since the epoch; a file changed in this time is still being
            written, perhaps, and left for the next time. None: every file is taken.
    """
    survey = Survey()
    for file, record in _side_by_side(files, catalog.pictures_below(root)):
        if file is None:
            if record is not None and not any(record.path.is_relative_to(place) for place in unseen):
                survey.gone.append(record)
        elif is_unsettled(file, unsettled) and not is_same(record, file):
            survey.unchanged += record is not None
        else:
            survey.add(file, record, label(file.path, record))
    return survey


def _side_by_side(files: Iterable[FoundFile], records: Iterator[PictureRecord]
                  ) -> Iterator[tuple[FoundFile | None, PictureRecord | None]]:  # fmt: skip
    """Pair what has the same path; both come by the bytes of their paths, and none twice."""
    record = next(records, None)
    for file in files:
        key = os.fsencode(file.path)
        while record is not None and os.fsencode(record.path) < key:
            yield None, record
            record = next(records, None)
        if record is not None and record.path == file.path:
            yield file, record
            record = next(records, None)
        else:
            yield file, None
    while record is not None:
        yield None, record
        record = next(records, None)


def _chunks(files: list[FoundFile]) -> Iterator[list[FoundFile]]:
    for start in range(0, len(files), _CHUNK):
        yield files[start : start + _CHUNK]
