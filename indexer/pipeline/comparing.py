"""Compare the files that were read with the catalog: pictures added, changed, moved, updated and removed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexer.pipeline.changes import Changes
from indexer.pipeline.library import is_same_folder
from indexer.pipeline.survey import FILES_AT_ONCE, stable_inode
from search.chunks import chunks
from search.pictures.remote import is_remote
from search.pictures.tar_members import tar_of
from search.store.records import PictureRecord, SkippedRecord

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.pipeline.known_contents import KnownContents
    from indexer.pipeline.labelling import Labeller
    from indexer.pipeline.staging import ReadResult, Staging
    from indexer.pipeline.survey import Survey
    from search.store.catalog import Catalog


STAYS = "; its entries stay in the index"
"""Ends the reason why a file or folder was not read, where the picture itself may be unchanged."""


def compare(
    catalog: Catalog,
    survey: Survey,
    staging: Staging | None,
    known: KnownContents,
    label: Labeller,
    *,
    root: Path | None = None,
    allow_missing: bool = False,
) -> Changes:
    """Work out the changes.

    Args:
        catalog: the index as it is.
        survey: the files of its `todo` were read.
        staging: the results of reading them; None if no file had to be read.
        known: sizes of the contents.
        label: decides the label of each picture.
        root: the folder that was surveyed completely; the survey lists the pictures that are gone from it.
        allow_missing: remove the pictures of missing folders.
    """
    changes = Changes(unchanged=survey.unchanged, noted=survey.noted)
    for record, label_before in survey.relabelled:
        changes.updated.append(record)
        changes.count_relabelled(record, label_before)
    renamed = {} if staging is None else _renamed_among_themselves(survey, staging)
    candidates = MoveCandidates(catalog, survey.gone, root, renamed)
    for chunk in chunks(survey.todo, FILES_AT_ONCE):
        assert staging is not None, "files had to be read, and none was"
        results = staging.results([file.path for file, _ in chunk])
        contents = list({result.content for result in results.values() if result.reason is None})
        changes.exif |= staging.exif(contents)
        candidates.look_for(contents)
        for file, old in chunk:
            here = None if old is not None and old.id in renamed else old
            _place(results[file.path], here, label, candidates, known, changes)
    changes.crossed = [record for record in candidates.taken() if record.id in renamed]
    changes.removed += [record for key, record in renamed.items() if not candidates.has_moved(record)]
    changes.left_behind = [each for each in candidates.taken() if each.id in survey.missing or _is_lost(each, root)]
    for record in candidates.left():
        folder = survey.missing.get(record.id)
        if folder is None or allow_missing:
            changes.removed.append(record)
            changes.excluded += record.id in survey.excluded
        else:
            changes.kept.append((record, folder))
    return changes


class MoveCandidates:
    """Pictures whose file is gone: a file of the same content elsewhere means that the picture was moved there."""

    def __init__(
        self, catalog: Catalog, gone: list[PictureRecord], root: Path | None, renamed: dict[int, PictureRecord]
    ) -> None:
        self._catalog = catalog
        self._gone = gone
        self._root = root
        self._by_content: dict[str, list[PictureRecord]] = {}
        self._taken: dict[int, PictureRecord] = {}
        self._looked_up: set[str] = set()
        self._live: dict[str, list[Path]] = {}
        for record in [*reversed(renamed.values()), *reversed(gone)]:
            self._by_content.setdefault(record.content, []).append(record)

    def look_for(self, contents: list[str]) -> None:
        """Find candidates of these contents outside of the surveyed folder too."""
        new = [content for content in contents if content not in self._looked_up]
        self._looked_up.update(new)
        for record in self._catalog.pictures.of_contents(new):
            outside = self._root is None or not record.path.is_relative_to(self._root)
            if outside and _is_gone(record.path):
                self._by_content.setdefault(record.content, []).insert(0, record)
            else:
                self._live.setdefault(record.content, []).append(record.path)

    def has(self, result: ReadResult) -> bool:
        """Whether a file is in the index already, by another path to the folder that it lies in."""
        paths = self._live.get(result.content, ())
        return any(
            path != result.path and path.name == result.path.name and is_same_folder(path.parent, result.path.parent)
            for path in paths
        )

    def take(self, content: str) -> PictureRecord | None:
        """A candidate of this content, which is then taken."""
        waiting = self._by_content.get(content)
        if not waiting:
            return None
        self._taken[waiting[-1].id] = waiting[-1]
        return waiting.pop()

    def taken(self) -> list[PictureRecord]:
        """The old records of the pictures that were moved."""
        return list(self._taken.values())

    def has_moved(self, record: PictureRecord) -> bool:
        """Whether a picture was moved."""
        return record.id in self._taken

    def left(self) -> list[PictureRecord]:
        """Pictures that are gone from the surveyed folder and were not moved."""
        return [record for record in self._gone if record.id not in self._taken]


def _renamed_among_themselves(survey: Survey, staging: Staging) -> dict[int, PictureRecord]:
    """Pictures whose files swapped names, as when files are renumbered: id -> the old record.

    Such a file has the content of another file that is gone or renamed too, and its own old content is found in a new
    or renamed file. A file with new content was edited, even if a copy of the old content lies beside it.
    """
    old: dict[int, PictureRecord] = {}
    now: dict[int, str] = {}
    new: set[str] = set()
    for chunk in chunks(survey.todo, FILES_AT_ONCE):
        results = staging.results([file.path for file, _ in chunk])
        for file, record in chunk:
            result = results[file.path]
            if result.reason is not None or (record is not None and record.content == result.content):
                continue
            if record is None:
                new.add(result.content)
            else:
                old[record.id], now[record.id] = record, result.content
    gone = {record.content for record in survey.gone}
    while True:
        came_from, went_to = gone | {each.content for each in old.values()}, new | {now[key] for key in old}
        left = {key: each for key, each in old.items() if now[key] in came_from and each.content in went_to}
        if len(left) == len(old):
            return old
        old = left


def _place(
    result: ReadResult,
    old: PictureRecord | None,
    label: Labeller,
    candidates: MoveCandidates,
    known: KnownContents,
    changes: Changes,
) -> None:
    """Put one file that was read into the list that it belongs to."""
    if result.reason is not None:
        stays = old is not None and result.passing
        reason = f"{result.reason}{STAYS}" if stays else result.reason
        changes.skipped.append(SkippedRecord(result.path, result.bytes, result.mtime_ns, reason))
        if old is not None and not stays:
            changes.removed.append(old)
            changes.broken.append(old)
        return
    size = known.size(result.content)
    assert size is not None, f"{result.path} was read and not embedded"
    if old is None and candidates.has(result):
        changes.elsewhere += 1
        return
    moved = None if old is not None else candidates.take(result.content)
    own = label(result.path, old or moved)
    new = PictureRecord(
        0, result.path, result.content, result.bytes, result.mtime_ns, *size, own, 0, 0, result.ctime_ns, result.inode
    )
    if old is not None and old.content == result.content:
        same = replace(new, id=old.id, segment=old.segment, row=old.row, inode=stable_inode(old, result))
        if same != old:
            changes.updated.append(same)
        changes.unchanged += old.label == own
        changes.read_again += old.label == own
        changes.count_relabelled(same, old.label)
    elif old is not None:
        changes.changed.append(replace(new, id=old.id))
        changes.replaced.append(old)
    elif moved is not None:
        changes.moved.append(replace(new, id=moved.id, segment=moved.segment, row=moved.row))
    else:
        changes.added.append(new)


def _is_lost(record: PictureRecord, root: Path | None) -> bool:
    """Whether a picture outside the root is gone together with its folder, as on an unmounted disk."""
    return (root is None or not record.path.is_relative_to(root)) and _is_gone(record.path.parent)


def _is_gone(path: Path) -> bool:
    """Whether a file does not exist; one in a folder that cannot be read, or at an address, may still exist."""
    if is_remote(path):
        return False
    try:
        (tar_of(path) or path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
