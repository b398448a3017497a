"""Labels of pictures, by their folders or by a CSV."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.csv_table import open_csv
from indexer.resolved_paths import ResolvedPaths
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

FOLDER, NONE = "folder", "none"
"""Sources of labels that are no file."""


@dataclass(slots=True)
class LabelTable:
    """The rows of a CSV, by the pictures that they name."""

    file: Path
    labels: dict[Path, str | None] = field(default_factory=dict)
    """Picture -> label; None where the row has an empty one."""
    lines: dict[Path, int] = field(default_factory=dict)
    """Picture -> the line of its row."""
    unmatched: list[tuple[int, str]] = field(default_factory=list)
    """Line and path of rows that name none of the pictures."""

    def notes(self) -> list[str]:
        """Rows that name no picture, in one sentence; empty where all of them do."""
        if not self.unmatched:
            return []
        line, path = self.unmatched[0]
        return [f"{len(self.unmatched):,} rows of {self.file} name no picture of the collection; line {line}: {path}"]


def by_folder(path: Path, root: Path) -> str | None:
    """The name of the folder that holds a picture; None for pictures directly in `root`."""
    return None if path == root or path.parent == root else path.parent.name


def read_labels(file: Path, bases: Sequence[Path], pictures: Collection[Path]) -> LabelTable:
    """Read a CSV with the columns `path` and `label`, and match its rows with pictures.

    A path is absolute, or relative to one of `bases` or to the folder of the CSV. An empty label means none.

    Args:
        file: the CSV.
        bases: folders that a relative path may start from.
        pictures: absolute paths of the pictures that are there.

    Raises:
        DataError: the file is no CSV with these columns; it holds no rows; none of them names a picture; one names two
            pictures; or two rows give one picture different labels.
    """
    folders = list(dict.fromkeys([*bases, file.absolute().parent]))
    there = pictures if isinstance(pictures, set | frozenset | dict) else set(pictures)
    table, rows = LabelTable(file), 0
    links, resolved = ResolvedPaths(), dict[Path, Path]()
    with open_csv(file, ("path", "label"), kind="a CSV of labels") as found:
        found.require("path", "label")
        for line, row in found.named():
            path, label = row["path"], row["label"].strip() or None
            if not path.strip():
                continue
            rows += 1
            places = _places(path, folders)
            named = list(dict.fromkeys(place for place in places if place in there))
            if not named:  # a folder above it may be reached through a link, here or there
                resolved = resolved or {links.of(picture): picture for picture in there}
                named = list(dict.fromkeys(resolved[each] for each in map(links.of, places) if each in resolved))
            if len(named) > 1:
                raise DataError(
                    f"{file}, line {line}: {path!r} names both {named[0]} and {named[1]}. Write an absolute path"
                )
            if not named:
                table.unmatched.append((line, path))
                continue
            _put(table, named[0], label, line)
    if not rows:
        raise DataError(f"{file}: holds no labels: it has no row with a path")
    if not table.labels and there:
        line, path = table.unmatched[0]
        raise DataError(
            f"{file}: none of its {rows:,} rows names a picture of this collection. {mismatch(line, path, there)}"
        )
    return table


def mismatch(line: int, path: str, pictures: Collection[Path]) -> str:
    """Say in what a path of a CSV differs from the picture that it seems to mean, and what to do."""
    example = min(pictures, key=os.fsencode)
    shown = f"Line {line} says {path!r}"
    alike, differs = _alike(path, pictures)
    if alike is None:
        return f"{shown}; a picture here is {str(example)!r}. Write paths relative to the folder of pictures"
    reason = f" (what differs: {'; '.join(differs)})" if differs else ""
    return f"{shown}, the picture is {str(alike)!r}{reason}. Write the path as the picture has it"


def _put(table: LabelTable, picture: Path, label: str | None, line: int) -> None:
    if picture in table.labels and table.labels[picture] != label:
        raise DataError(
            f"{table.file}, line {line}: {picture} has the label {label!r} here and {table.labels[picture]!r} in line "
            f"{table.lines[picture]}. Keep one of the two rows"
        )
    table.labels[picture] = label
    table.lines.setdefault(picture, line)


def _places(path: str, folders: Iterable[Path]) -> list[Path]:
    """Where a path may lead, as it is written and without spaces around it."""
    spellings = dict.fromkeys((path, path.strip()))
    return [Path(os.path.normpath(folder / each)) for each in spellings for folder in folders]


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "backslashes instead of slashes": lambda text: text.replace("\\", "/"),
    "another Unicode form (NFC, NFD)": lambda text: unicodedata.normalize("NFC", text),
    "capital or small letters": str.casefold,
    "spaces around it": str.strip,
}
"""What may differ between two spellings of one path, and how to take the difference away."""


def _alike(path: str, pictures: Collection[Path]) -> tuple[Path | None, list[str]]:
    """The picture whose path ends most like a path of a CSV, and in what they differ; None where no name is alike."""
    wanted = _parts(path, _SPELLINGS)
    shared, picture = 0, None
    for each in sorted(pictures, key=os.fsencode):
        if (count := _common_end(_parts(str(each), _SPELLINGS), wanted)) > shared:
            shared, picture = count, each
    if picture is None:
        return None, []
    differs = []
    for left_out in _SPELLINGS:  # a difference matters if less is alike where it is not taken away
        others = [name for name in _SPELLINGS if name != left_out]
        if _common_end(_parts(str(picture), others), _parts(path, others)) < shared:
            differs.append(left_out)
    if shared < len(wanted):
        differs.append("another root folder")
    return picture, differs


def _parts(path: str, spellings: Iterable[str]) -> list[str]:
    for name in spellings:
        path = _SPELLINGS[name](path)
    return [part for part in path.split("/") if part not in ("", ".")]


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of their last parts two paths share."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
