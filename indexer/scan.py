"""Find the pictures of a folder, and the label of each."""

from __future__ import annotations

import csv
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


def labeller(labels: str, root: Path) -> Callable[[Path], str | None]:
    """Make the function path -> label.

    `folder`: the name of the folder that holds the picture, None for pictures directly in `root`.
    `none`: no labels. Anything else: the path of a CSV with the columns `path` (absolute, or relative to `root`, or
    to the CSV's own folder) and `label`.

    Raises:
        DataError: a CSV that is missing or lacks a column.
    """
    top = root.absolute()
    if labels == "none":
        return lambda path: None
    if labels == "folder":
        return lambda path: None if path.parent == top or path == top else path.parent.name
    table = read_labels(Path(labels), top)
    return table.get


def read_labels(file: Path, root: Path) -> dict[Path, str]:
    """Read a CSV of path and label; an empty label means none."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                raise DataError(
                    f"{file}: lacks the column {' and '.join(sorted(missing))} (it has {reader.fieldnames})"
                )
            rows = [(row["path"], row["label"]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV of labels ({error})") from error
    table: dict[Path, str] = {}
    for path, label in rows:
        if path and label:
            for base in (file.absolute().parent, root):  # the root wins where both exist
                table[Path(os.path.normpath(base / path))] = label
    return table
