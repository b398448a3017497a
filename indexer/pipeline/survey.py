"""What a scan found, against what the catalog knows: which files must be looked at, and which pictures are gone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from indexer.pipeline.missing import Folders, stored_missing
from search.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from indexer.pipeline.excludes import Excludes
    from indexer.pipeline.labelling import Labeller
    from indexer.pipeline.scan import FoundFile
    from indexer.pipeline.staging import LookedAt
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

UNSTABLE_INODE = -1
"""In place of a number that is another one each time."""
FILES_AT_ONCE = 2_000
"""Files looked up at once."""


@dataclass(slots=True)
class Survey:
    """What the files of a scan are to an index, before any of them was read."""

    todo: list[tuple[FoundFile, PictureRecord | None]] = field(default_factory=list)
    """Files that are new, or not as they were when they were indexed, by path."""
    relabelled: list[tuple[PictureRecord, str | None]] = field(default_factory=list)
    """Pictures whose file is unchanged, with the label that they have from now on, and the one that they had."""
    noted: list[PictureRecord] = field(default_factory=list)
    """Unchanged pictures of an older index, with the inode that it did not note."""
    gone: list[PictureRecord] = field(default_factory=list)
    """Pictures whose file is not there any more, or is left out now."""
    missing: dict[int, Path] = field(default_factory=dict)
    """Id of a picture of `gone` -> the topmost folder around it that is missing: see `indexer.pipeline.missing`."""
    excluded: set[int] = field(default_factory=set)
    """Ids of pictures of `gone` whose file is left out now."""
    unchanged: int = 0
    rehash: bool = False
    """Whether files are read that look unchanged."""

    def add(self, file: FoundFile, record: PictureRecord | None, label: str | None) -> None:
        """Put one file where it belongs."""
        if record is None or self.rehash or not is_same(record, file):
            self.todo.append((file, record))
        elif record.label != label:
            changed = replace(record, label=label, ctime_ns=file.ctime_ns, inode=file.inode)
            self.relabelled.append((changed, record.label))
        else:
            self.unchanged += 1
            if record.ctime_ns is None:
                self.noted.append(replace(record, ctime_ns=file.ctime_ns, inode=file.inode))


def is_same(record: PictureRecord | LookedAt | None, file: FoundFile) -> bool:
    """Whether a file has the size, the times and the inode that it had when it was read, as git decides.

    Where nobody noted the inode and when it changed, such as in an older index, size and time of the content decide.
    """
    if record is None or (record.bytes, record.mtime_ns) != (file.bytes, file.mtime_ns):
        return False
    if record.ctime_ns is None:
        return True
    return record.ctime_ns == file.ctime_ns and record.inode in (file.inode, UNSTABLE_INODE)


def stable_inode(record: PictureRecord, look: LookedAt) -> int | None:
    """The inode to note of a picture that was read again and holds what it held.

    Where nothing but the number differs, the file system gives new ones each time that it is mounted, as FAT and some
    networks' do: it is not compared any more, so that not all is read each time.
    """
    unstable = record.ctime_ns == look.ctime_ns and record.inode not in (None, look.inode)
    return UNSTABLE_INODE if unstable else look.inode


def is_recently_changed(file: FoundFile, recent: tuple[int, int] | None) -> bool:
    """Whether a file was changed within a time, from when to when in nanoseconds since the epoch."""
    return recent is not None and recent[0] < file.mtime_ns <= recent[1]


def survey_files(catalog: Catalog, files: list[FoundFile], label: Labeller, *, rehash: bool = False) -> Survey:
    """Survey some files; nothing else is gone."""
    survey = Survey(rehash=rehash)
    for chunk in chunks(files, FILES_AT_ONCE):
        found = catalog.pictures_at_paths([str(file.path) for file in chunk])
        known = {record.path: record for record in found}
        for file in chunk:
            record = known.get(file.path)
            survey.add(file, record, label(file.path, record))
    return survey


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """What decides how a whole folder is surveyed."""

    root: Path
    """A folder; or a file, which is a collection of its own."""
    excludes: Excludes | None = None
    """A picture that these cover is gone, whether its file is there or not."""
    unseen: Collection[Path] = ()
    """Folders and files that could not be looked into: what lies there is not gone."""
    recent: tuple[int, int] | None = None
    """From when to when, in nanoseconds since the epoch; a file changed in this time is still being written, perhaps,
    and left for the next time. None: every file is taken."""
    rehash: bool = False


def survey_folder(catalog: Catalog, files: list[FoundFile], label: Labeller, how: FolderSurvey) -> Survey:
    """Survey a whole folder: a picture of the index that lies below it and was not found is gone.

    A folder of which not one picture was found where the index knew it, and in which fewer others were found than are
    gone, may be on a disk that is not there: its pictures are `missing`, which is for the caller to judge.

    The files and the pictures of the catalog, both in the order of their paths, are read side by side, so that no more
    than a page of the catalog is held.

    Args:
        catalog: the index.
        files: those below the root, by the bytes of their paths.
        label: decides the label of each picture.
        how: which folder, and how.
    """
    survey, folders = Survey(rehash=how.rehash), Folders(how.root, stored_missing(catalog))
    for file, record in _side_by_side(files, catalog.pictures_below(how.root)):
        if file is None:
            if record is not None and not any(record.path.is_relative_to(place) for place in how.unseen):
                survey.gone.append(record)
            continue
        folders.see(file.path, record)
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
