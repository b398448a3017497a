"""Find the pictures of a folder, and the label of each."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import DataError
from search.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with a picture's suffix, as the folder shows it."""

    path: Path
    bytes: int
    mtime_ns: int


def scan(pictures: Path, *, leave_out: Path | None = None) -> list[FoundFile]:
    """List the picture files below a folder, by path; a single file is a collection of one.

    Hidden files and folders are left out, and so is `leave_out` (the index itself). Links to folders are not
    followed, so that a loop of links ends.

    Raises:
        DataError: nothing there, or a folder that cannot be listed.
    """
    root = pictures.absolute()
    if root.is_file():
        return [_found(root)]
    if not root.is_dir():
        raise DataError(f"{pictures}: no such folder of pictures")
    skip = None if leave_out is None else leave_out.absolute()
    return sorted(_walk(root, skip), key=lambda file: os.fsencode(file.path))


def _walk(root: Path, skip: Path | None) -> Iterator[FoundFile]:
    for folder, subfolders, names in os.walk(root, onerror=_refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and Path(folder, name) != skip]
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                try:
                    yield _found(path)
                except FileNotFoundError:
                    continue  # vanished since it was listed, or a link to nothing: not a picture of the collection


def _found(path: Path) -> FoundFile:
    status = path.stat()
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def _refuse(error: OSError) -> None:
    raise DataError(
        f"{error.filename}: this folder cannot be listed ({error.strerror}). Check its permissions"
    ) from error


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
