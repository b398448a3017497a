"""What a folder of pictures changes in an index: compare what the scan found with what the catalog holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from search.records import PictureRecord, SkippedRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from indexer.scan import FoundFile
    from indexer.staging import LookedAt
    from search.picture_exif import PictureExif


class Sizes(Protocol):
    """Content hash -> (width, height) in pixels."""

    def __getitem__(self, content: str) -> tuple[int, int]: ...


@dataclass(slots=True)
class Changes:
    """Pictures that need a row, that only need their record rewritten (`moved`, `updated`), and that are gone.

    An added picture has the id 0 until the catalog gives it one; a changed picture keeps the id of its path.
    """

    added: list[PictureRecord] = field(default_factory=list)
    changed: list[PictureRecord] = field(default_factory=list)
    replaced: list[PictureRecord] = field(default_factory=list)
    """The old records of `changed`: their rows are buried."""
    moved: list[PictureRecord] = field(default_factory=list)
    updated: list[PictureRecord] = field(default_factory=list)
    removed: list[PictureRecord] = field(default_factory=list)
    skipped: list[SkippedRecord] = field(default_factory=list)
    unchanged: int = 0
    looked_at: frozenset[Path] | None = None
    """Files that `skipped` says something of; None: of all that the index ever skipped."""
    exif: dict[str, PictureExif] = field(default_factory=dict)
    """Content hash -> what the EXIF says, of the files looked at whose EXIF says anything."""

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.moved, self.updated, self.removed))


def is_same(record: PictureRecord | LookedAt | None, file: FoundFile) -> bool:
    """Whether a file has the size and time that it had when it was read, as git and rsync decide."""
    return record is not None and (record.bytes, record.mtime_ns) == (file.bytes, file.mtime_ns)


def compare(found: list[FoundFile], looked: dict[Path, LookedAt], before: Iterable[PictureRecord], root: Path | None,
            label: Callable[[Path], str | None], sizes: Sizes) -> Changes:  # fmt: skip
    """Work out the changes.

    Args:
        found: the files below `root` now.
        looked: what reading gave, for every found file that is new or changed.
        before: the pictures of the index.
        root: the folder that was scanned; pictures of the index that lie elsewhere stay as they are. None: files were
            named, and no picture is removed.
        label: path -> label.
        sizes: content hash -> (width, height).
    """
    changes = Changes(looked_at=None if root is not None else frozenset(file.path for file in found))
    old = {record.path: record for record in before}
    paths = {file.path for file in found}
    gone = [r for r in old.values() if r.path not in paths and (_is_below(r.path, root) or not r.path.exists())]
    strays: dict[str, list[PictureRecord]] = {}
    for record in reversed(gone):
        strays.setdefault(record.content, []).append(record)
    for file in found:
        _place(file, looked.get(file.path), old.get(file.path), label(file.path), strays, sizes, changes)
    moved = {record.id for record in changes.moved}
    changes.removed += [r for r in gone if r.id not in moved and _is_below(r.path, root)]
    return changes


def _place(file: FoundFile, look: LookedAt | None, old: PictureRecord | None, label: str | None,
           strays: dict[str, list[PictureRecord]], sizes: Sizes,
           changes: Changes) -> None:  # fmt: skip
    """Put one found file into the list that it belongs to."""
    if old is not None and is_same(old, file):
        if old.label == label:
            changes.unchanged += 1
        else:
            changes.updated.append(replace(old, label=label))
        return
    assert look is not None, f"{file.path} was neither known nor looked at"
    if look.reason is not None:
        changes.skipped.append(SkippedRecord(file.path, file.bytes, file.mtime_ns, look.reason))
        if old is not None:
            changes.removed.append(old)
        return
    width, height = sizes[look.content]
    new = PictureRecord(0, file.path, look.content, look.bytes, look.mtime_ns, width, height, label, 0, 0)
    if old is not None and old.content == look.content:
        changes.updated.append(replace(new, id=old.id, segment=old.segment, row=old.row))
    elif old is not None:
        changes.changed.append(replace(new, id=old.id))
        changes.replaced.append(old)
    elif strays.get(look.content):
        stray = strays[look.content].pop()
        changes.moved.append(replace(new, id=stray.id, segment=stray.segment, row=stray.row))
    else:
        changes.added.append(new)


def _is_below(path: Path, root: Path | None) -> bool:
    if root is None:
        return False
    return path == root or path.is_relative_to(root)
