"""Compare a scan with the catalog: which files must be read, and which pictures are gone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from indexer.pipeline.missing import ScannedFolders, stored_missing
from search.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from indexer.pipeline.excludes import Excludes
    from indexer.pipeline.labelling import Labeller
    from indexer.pipeline.scan import FoundFile
    from indexer.pipeline.staging import ReadResult
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

UNSTABLE_INODE = -1
"""Stored in place of an inode number that the file system does not keep."""
FILES_AT_ONCE = 2_000
"""Files looked up in the catalog at once."""


@dataclass(slots=True)
class Survey:
    """How the files of a scan relate to an index, before any of them is read."""

    todo: list[tuple[FoundFile, PictureRecord | None]] = field(default_factory=list)
    """New files, and files that changed since they were indexed, by path."""
    relabelled: list[tuple[PictureRecord, str | None]] = field(default_factory=list)
    """Pictures whose file is unchanged and whose label is not: the new record, and the old label."""
    noted: list[PictureRecord] = field(default_factory=list)
    """Unchanged pictures of an older index, with the inode that it did not store."""
    gone: list[PictureRecord] = field(default_factory=list)
    """Pictures whose file no longer exists, or is now excluded."""
    missing: dict[int, Path] = field(default_factory=dict)
    """Id of a picture in `gone` -> topmost missing folder that holds it: see `indexer.pipeline.missing`."""
    excluded: set[int] = field(default_factory=set)
    """Ids of pictures in `gone` whose file is now excluded."""
    unchanged: int = 0
    rehash: bool = False
    """Whether files that look unchanged are read too."""

    def add(self, file: FoundFile, record: PictureRecord | None, label: str | None) -> None:
        """Sort one file into the lists."""
        if record is None or self.rehash or not is_same(record, file):
            self.todo.append((file, record))
        elif record.label != label:
            changed = replace(record, label=label, ctime_ns=file.ctime_ns, inode=file.inode)
            self.relabelled.append((changed, record.label))
        else:
            self.unchanged += 1
            if record.ctime_ns is None:
                self.noted.append(replace(record, ctime_ns=file.ctime_ns, inode=file.inode))


def is_same(record: PictureRecord | ReadResult | None, file: FoundFile) -> bool:
    """Whether a file has the size, the times and the inode that it had when it was read, as git decides.

    Without a stored inode and change time, as in an older index, size and modification time decide.
    """
    if record is None or (record.bytes, record.mtime_ns) != (file.bytes, file.mtime_ns):
        return False
    if record.ctime_ns is None:
        return True
    return record.ctime_ns == file.ctime_ns and record.inode in (file.inode, UNSTABLE_INODE)


def stable_inode(record: PictureRecord, result: ReadResult) -> int | None:
    """The inode to store for a picture that was read again and has the same content.

    If only the number differs, the file system assigns new numbers at each mount, as FAT and some network file systems
    do. The number is then no longer compared, so that files are not read at each scan.
    """
    unstable = record.ctime_ns == result.ctime_ns and record.inode not in (None, result.inode)
    return UNSTABLE_INODE if unstable else result.inode


def is_recently_changed(file: FoundFile, recent: tuple[int, int] | None) -> bool:
    """Whether a file was modified within a period, in nanoseconds since the epoch."""
    return recent is not None and recent[0] < file.mtime_ns <= recent[1]


def survey_files(catalog: Catalog, files: list[FoundFile], label: Labeller, *, rehash: bool = False) -> Survey:
    """Survey some files; no picture counts as gone."""
    survey = Survey(rehash=rehash)
    for chunk in chunks(files, FILES_AT_ONCE):
        pictures = catalog.pictures.at_paths([str(file.path) for file in chunk])
        known = {record.path: record for record in pictures}
        for file in chunk:
            record = known.get(file.path)
            survey.add(file, record, label(file.path, record))
    return survey


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """How a folder is surveyed."""

    root: Path
    """A folder, or a single file."""
    excludes: Excludes | None = None
    """A picture that these exclude counts as gone, even if its file exists."""
    unreadable: Collection[Path] = ()
    """Folders and files that could not be read: pictures there do not count as gone."""
    recent: tuple[int, int] | None = None
    """Period in nanoseconds since the epoch; a file modified in it may still be being written, and is left for the next
    scan. None takes every file."""
    rehash: bool = False


def survey_folder(catalog: Catalog, files: list[FoundFile], label: Labeller, how: FolderSurvey) -> Survey:
    """Survey a folder completely: an indexed picture below it that was not found is gone.

    A folder without any of its indexed pictures, and with fewer new ones than are gone, may be on an unmounted disk:
    its pictures are `missing`, and the caller decides what to do.

    Files and catalog, both sorted by path, are read side by side, so that only one page of the catalog is in memory.

    Args:
        catalog: the index.
        files: those below the root, by the bytes of their paths.
        label: decides the label of each picture.
        how: which folder, and how.
    """
    survey, folders = Survey(rehash=how.rehash), ScannedFolders(how.root, stored_missing(catalog))
    for file, record in _side_by_side(files, catalog.pictures.below(how.root)):
        if file is None:
            if record is not None and not any(record.path.is_relative_to(place) for place in how.unreadable):
                survey.gone.append(record)
            continue
        folders.add_found(file.path, record)
        if is_recently_changed(file, how.recent) and not is_same(record, file):
            survey.unchanged += record is not None
        else:
            survey.add(file, record, label(file.path, record))
    excludes = how.excludes
    if excludes is not None:
        survey.excluded = {record.id for record in survey.gone if excludes.covers_below(record.path)}
    survey.missing = folders.missing([record for record in survey.gone if record.id not in survey.excluded])
    return survey


def _side_by_side(
    files: Iterable[FoundFile], records: Iterator[PictureRecord]
) -> Iterator[tuple[FoundFile | None, PictureRecord | None]]:
    """Pair files and records of the same path; both are sorted by the bytes of their paths, without duplicates."""
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
