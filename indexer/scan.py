"""Find the pictures of a folder."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from search.errors import DataError
from search.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_NEVER_READABLE = frozenset((errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR))
"""A link to itself, or a path longer than the system takes: nothing that comes back when a permission is given."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with a picture's suffix, as the folder shows it."""

    path: Path
    bytes: int
    mtime_ns: int


Unreadable: TypeAlias = "Callable[[Path, OSError], None]"


def scan(pictures: Path, *, leave_out: Path | None = None, unreadable: Unreadable | None = None) -> list[FoundFile]:
    """List the picture files below a folder, by path; a single file is a collection of one.

    Hidden files and folders are left out, and so is `leave_out` (the index itself). Links to folders are not
    followed, so that a loop of links ends; links to files are, wherever these lie, and dangling ones left out.

    Args:
        pictures: the folder, or the file.
        leave_out: a folder that is not looked into.
        unreadable: called with each folder below `pictures` that cannot be listed, and each file that cannot be
            looked at, and why: nothing is known of what lies there. None: the first of them is an error.

    Raises:
        DataError: nothing there; `pictures` itself cannot be listed; or, without `unreadable`, something below it.
    """
    root = pictures.absolute()
    try:
        if root.is_file():
            return [_found(root)]
        listable = root.is_dir()
    except OSError as error:
        raise DataError(f"{pictures}: cannot be looked at ({error.strerror})") from error
    if not listable:
        raise DataError(f"{pictures}: no such folder of pictures")
    skip = None if leave_out is None else leave_out.absolute()
    return sorted(_walk(root, skip, unreadable or _refuse), key=lambda file: os.fsencode(file.path))


def _walk(root: Path, skip: Path | None, unreadable: Unreadable) -> Iterator[FoundFile]:
    def tell(error: OSError) -> None:
        folder = Path(os.fsdecode(error.filename))
        (_refuse if folder == root else unreadable)(folder, error)

    for folder, subfolders, names in os.walk(root, onerror=tell):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and Path(folder, name) != skip]
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                try:
                    yield _found(path)
                except FileNotFoundError:
                    continue  # vanished since it was listed, or a link to nothing: not a picture of the collection
                except OSError as error:
                    if error.errno in _NEVER_READABLE:
                        yield FoundFile(path, 0, 0)  # reading it gives the reason by which it is skipped
                    else:
                        unreadable(path, error)


def _found(path: Path) -> FoundFile:
    status = path.stat()
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def _refuse(path: Path, error: OSError) -> None:
    raise DataError(f"{path}: cannot be looked into ({error.strerror}). Check its permissions") from error
