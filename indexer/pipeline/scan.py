"""List the picture files of a folder."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from indexer.pipeline.excludes import Excludes
from search.errors import DataError
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator


NEVER_READABLE = frozenset((errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR))
"""A link to itself, or a path that is too long for the system: errors that no permission solves."""
_INODE_BITS = 2**63 - 1
_LONGEST_SUFFIX = 12
"""Characters with the dot; a longer ending is part of a name with a dot in it."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with a picture's suffix, as listed in its folder."""

    path: Path
    bytes: int
    mtime_ns: int
    ctime_ns: int | None = None
    """When the inode changed, which no program can set back; like `inode`, None if it was not read."""
    inode: int | None = None

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> FoundFile:
        """A file with its status; the inode number is cut to the bits that SQLite holds."""
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _INODE_BITS)


Unreadable: TypeAlias = "Callable[[Path, OSError], None]"


def scan(
    pictures: Path,
    *,
    leave_out: Path | None = None,
    unreadable: Unreadable | None = None,
    excludes: Excludes | None = None,
    not_read: Counter[str] | None = None,
) -> list[FoundFile]:
    """List the picture files below a folder, by path; a single file is a collection of one.

    Hidden files and folders are left out, and so is `leave_out` (the index itself). Links to folders are not
    followed, which avoids loops; links to files are followed, wherever they lead, and broken ones are left out.

    Args:
        pictures: the folder, or the file.
        leave_out: a folder to skip.
        unreadable: called with each folder below `pictures` that cannot be listed, and each file whose status cannot
            be read, and the error. By default the first of them raises DataError.
        excludes: patterns to leave out; defaults to those of `indexer.pipeline.excludes`.
        not_read: counts the files of other kinds, by suffix; "" for files without one.

    Raises:
        DataError: `pictures` does not exist or cannot be listed; or, without `unreadable`, something below it.
    """
    root = pictures.absolute()
    try:
        if root.is_file():
            return [FoundFile.of(root, root.stat())]
        listable = root.is_dir()
    except OSError as error:
        raise DataError(f"{pictures}: cannot be read ({error.strerror})") from error
    if not listable:
        raise DataError(f"{pictures}: no such folder of pictures")
    skip = None if leave_out is None else os.path.realpath(leave_out)
    walk = _Walk(root, skip, unreadable or _refuse, excludes or Excludes(root), not_read)
    return sorted(walk.files(), key=lambda file: os.fsencode(file.path))


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk through a folder."""

    root: Path
    skip: str | None
    """Path without links."""
    unreadable: Unreadable
    excludes: Excludes
    not_read: Counter[str] | None

    def files(self) -> Iterator[FoundFile]:
        """The picture files, folder by folder."""
        for folder, subfolders, names in os.walk(self.root, onerror=self._report):
            subfolders[:] = [name for name in subfolders if self._is_included(folder, name)]
            for name in names:
                if not self._is_included(folder, name):
                    continue
                path = Path(folder, name)
                if path.suffix.lower() in PICTURE_SUFFIXES:
                    yield from self._look(path)
                elif self.not_read is not None:
                    self.not_read[_kind(path)] += 1

    def _is_included(self, folder: str, name: str) -> bool:
        path = os.path.join(folder, name)  # noqa: PTH118
        if name.startswith(".") or self.excludes.covers(path):
            return False
        return self.skip is None or not self.skip.endswith(name) or os.path.realpath(path) != self.skip

    def _look(self, path: Path) -> Iterator[FoundFile]:
        try:
            yield FoundFile.of(path, path.stat())
        except FileNotFoundError:
            return  # deleted since it was listed, or a broken link: not a picture of the collection
        except OSError as error:
            if error.errno in NEVER_READABLE:
                yield FoundFile(path, 0, 0)  # reading it raises the error with which it is skipped
            else:
                self.unreadable(path, error)

    def _report(self, error: OSError) -> None:
        folder = Path(os.fsdecode(error.filename))
        (_refuse if folder == self.root else self.unreadable)(folder, error)


def _kind(path: Path) -> str:
    """The suffix of a file that is not read, in small letters; "" if it has none."""
    suffix = path.suffix.lower()
    return suffix if len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum() else ""


def _refuse(path: Path, error: OSError) -> None:
    raise DataError(f"{path}: cannot be read ({error.strerror}). Check its permissions") from error
