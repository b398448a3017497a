"""Determine the labels of pictures, by one rule for build, train, evaluate and calibrate.

A label is the path of the picture's folder relative to the folder of pictures, or the label in a row of a CSV.
`docs/labels.md` documents the rule and its reasons.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from indexer.csv_table import open_csv
from indexer.resolved_paths import ResolvedPaths
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

FOLDER, NONE = "folder", "none"
"""Sources of labels other than a CSV."""
_SPLITS = {"": "train", "train": "train", "validation": "validation", "val": "validation", "test": "held_out"}


def by_folder(path: Path, root: Path) -> str | None:
    """The path of a picture's folder relative to `root`, with `/` as separator; None for a picture directly in `root`.

    The path is used, and not only the name, so that `a/01` and `b/01` are two classes, and so that a label does not
    depend on which other folders exist.
    """
    return None if path == root or path.parent == root else path.parent.relative_to(root).as_posix()


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a CSV; values are None for an empty cell, and for a column that was not read."""

    line: int
    path: str
    """As written in the row."""
    label: str | None
    split: str | None = None
    """`train`, `validation` or `held_out`; an empty cell means `train`."""
    subject: str | None = None


@dataclass(slots=True)
class LabelTable:
    """The rows of a CSV, by the pictures that they name."""

    file: Path
    rows: dict[Path, LabelRow] = field(default_factory=dict)
    """Picture -> the first row that names it."""
    unmatched: list[LabelRow] = field(default_factory=list)
    """Rows that name no picture."""

    @property
    def labels(self) -> dict[Path, str | None]:
        """Picture -> label; None if the row has an empty label."""
        return {picture: row.label for picture, row in self.rows.items()}

    def notes(self) -> list[str]:
        """One sentence about the rows that name no picture; empty if there are none."""
        if not self.unmatched:
            return []
        first = self.unmatched[0]
        return [
            f"{len(self.unmatched):,} rows of {self.file} name no picture of the collection; "
            f"line {first.line}: {first.path}"
        ]

    def put(self, picture: Path, row: LabelRow) -> None:
        """Add a row; raises DataError if it contradicts an earlier row of the same picture."""
        before = self.rows.setdefault(picture, row)
        for column in ("label", "split", "subject"):
            here, there = getattr(row, column), getattr(before, column)
            if here != there:
                raise DataError(
                    f"{self.file}, line {row.line}: {picture} has {_value(column, here)} here and "
                    f"{'none' if there is None else repr(there)} in line {before.line}. Keep one of the two rows"
                )


def read_labels(file: Path, bases: Sequence[Path], pictures: Collection[Path]) -> LabelTable:
    """Read a CSV with the columns `path` and `label`, and match its rows with the pictures of a collection.

    A path is absolute, or relative to one of `bases` or to the folder of the CSV. An empty label means no label. Equal
    rows of a picture count once.

    Args:
        file: the CSV.
        bases: folders that a relative path may start from.
        pictures: absolute paths of the pictures of the collection.

    Raises:
        DataError: the file is not a CSV with these columns, has no rows, or none of them names a picture; or a row
            names two pictures, or two rows give one picture different labels.
    """
    existing = pictures if isinstance(pictures, set | frozenset | dict) else set(pictures)
    return _read(file, [*bases, file.absolute().parent], ("path", "label"), _Collected(existing))


def read_labels_of_files(
    file: Path, root: Path, *, labelled: bool = True, examples: Callable[[], Collection[Path]]
) -> LabelTable:
    """As `read_labels`, also with the columns `split` and `subject`, for pictures in any folder.

    Rows of files that do not exist stay in the table; the reader of the pictures reports them.

    Args:
        file: the CSV.
        root: the folder that a relative path may start from, besides that of the CSV.
        labelled: read the column `label`; if false, the file need not have it.
        examples: lists pictures that an error compares the paths with, if no file of the CSV exists.

    Raises:
        DataError: as `read_labels`, or a row has an unknown split.
    """
    columns = ("path", "label", "split", "subject") if labelled else ("path", "split", "subject")
    return _read(file, [root, file.parent], columns, _OnDisk(examples))


class _Pictures(Protocol):
    """The pictures that the rows of a CSV may name."""

    @property
    def empty(self) -> bool:
        """Whether there are no pictures, so that a CSV that names none is not an error."""

    def named(self, places: Sequence[Path]) -> list[Path]:
        """Those of the possible paths of one row that are pictures, each picture once."""

    def missing(self, places: Sequence[Path]) -> Path | None:
        """The path to list for a row that names no picture; None to leave the row out."""

    def examples(self) -> Collection[Path]:
        """Pictures that an error compares the paths with."""


class _Collected:
    """The pictures of a collection, by path."""

    def __init__(self, pictures: Collection[Path]) -> None:
        self._pictures = pictures
        self._links = ResolvedPaths()
        self._resolved: dict[Path, Path] = {}
        self.empty = not pictures

    def named(self, places: Sequence[Path]) -> list[Path]:
        named = list(dict.fromkeys(place for place in places if place in self._pictures))
        if named:
            return named
        # One of the two paths may go through a link.
        self._resolved = self._resolved or {self._links.of(picture): picture for picture in self._pictures}
        pictures = (self._resolved.get(self._links.of(place)) for place in places)
        return list(dict.fromkeys(picture for picture in pictures if picture is not None))

    def missing(self, places: Sequence[Path]) -> None:
        return None

    def examples(self) -> Collection[Path]:
        return self._pictures


class _OnDisk:
    """All existing files. A file that is reached by two paths is listed under the first of them."""

    def __init__(self, examples: Callable[[], Collection[Path]]) -> None:
        self.examples = examples
        self.empty = False
        self._links = ResolvedPaths()
        self._first: dict[Path, Path] = {}

    def named(self, places: Sequence[Path]) -> list[Path]:
        existing = (self._first_path(place) for place in places if os.path.exists(place))  # noqa: PTH110 - never raises
        return list(dict.fromkeys(existing))

    def missing(self, places: Sequence[Path]) -> Path:
        return self._first_path(places[-1])

    def _first_path(self, place: Path) -> Path:
        return self._first.setdefault(self._links.of(place), place)


def _read(file: Path, folders: Sequence[Path], columns: Sequence[str], pictures: _Pictures) -> LabelTable:
    table, count = LabelTable(file), 0
    with open_csv(file, columns, kind="a CSV of labels") as csv_table:
        needed = [column for column in columns if column in ("path", "label") or column in csv_table.names]
        csv_table.require(*needed)
        for line, cells in csv_table.named():
            if not cells["path"].strip():
                continue
            count += 1
            row = _row(file, line, {column: cells[column] for column in needed})
            places = _places(row.path, folders)
            named = pictures.named(places)
            if len(named) > 1:
                raise DataError(
                    f"{file}, line {line}: {row.path!r} names both {named[0]} and {named[1]}. Write an absolute path"
                )
            picture = named[0] if named else pictures.missing(places)
            if not named:
                table.unmatched.append(row)
            if picture is not None:
                table.put(picture, row)
    if not count:
        raise DataError(f"{file}: no {'labelled ' if 'label' in columns else ''}pictures here: no row has a path")
    if len(table.unmatched) == count and not pictures.empty:
        _refuse_misfit(table, pictures.examples())
    return table


def _row(file: Path, line: int, cells: dict[str, str]) -> LabelRow:
    path = cells.pop("path")
    if "\0" in path:
        raise DataError(f"{file}, line {line}: the path {path!r} holds a null character. Correct the row")
    values = {column: cell.strip() for column, cell in cells.items()}
    if values.get("split", "") not in _SPLITS:
        raise DataError(
            f"{file}, line {line}: {path} has the split {values['split']!r}; known are train, validation and test"
        )
    split = _SPLITS[values["split"]] if "split" in values else None
    return LabelRow(line, path, values.get("label") or None, split, values.get("subject") or None)


def _value(column: str, value: str | None) -> str:
    return f"no {column}" if value is None else f"the {column} {value!r}"


def _places(path: str, folders: Iterable[Path]) -> list[Path]:
    """Possible absolute paths for a path of a CSV, as written and without spaces around it."""
    spellings = dict.fromkeys((path, path.strip()))
    places = (Path(os.path.normpath(folder / each)) for each in spellings for folder in folders)
    return list(dict.fromkeys(places))


def _refuse_misfit(table: LabelTable, pictures: Collection[Path]) -> None:
    """Raise DataError for a CSV of which no row names a picture."""
    first = table.unmatched[0]
    hint = mismatch(first.line, first.path, pictures) if pictures else f"Line {first.line} says {first.path!r}"
    raise DataError(f"{table.file}: none of its {len(table.unmatched):,} rows names an existing picture. {hint}")


def mismatch(line: int, path: str, pictures: Collection[Path]) -> str:
    """Describe how a path of a CSV differs from the most similar picture, and what to do."""
    example = min(pictures, key=os.fsencode)
    shown = f"Line {line} says {path!r}"
    similar, differences = _most_similar(path, pictures)
    if similar is None:
        return f"{shown}; a picture here is {str(example)!r}. Write paths relative to the folder of pictures"
    reason = f" (they differ in: {'; '.join(differences)})" if differences else ""
    return f"{shown}, the picture is {str(similar)!r}{reason}. Write the path as that of the picture"


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "backslashes instead of slashes": lambda text: text.replace("\\", "/"),
    "another Unicode form (NFC, NFD)": lambda text: unicodedata.normalize("NFC", text),
    "capital or small letters": str.casefold,
    "spaces around it": str.strip,
}
"""Possible differences between two spellings of one path, and functions that remove them."""


def _most_similar(path: str, pictures: Collection[Path]) -> tuple[Path | None, list[str]]:
    """The picture that shares most of the last parts of a path, and how they differ; None if none has its name."""
    parts = _parts(path, _SPELLINGS)
    shared, picture = 0, None
    for each in sorted(pictures, key=os.fsencode):
        if (count := _common_end(_parts(str(each), _SPELLINGS), parts)) > shared:
            shared, picture = count, each
    if picture is None:
        return None, []
    differences = []
    for left_out in _SPELLINGS:  # a difference is present if fewer parts match while it is not removed
        others = [name for name in _SPELLINGS if name != left_out]
        if _common_end(_parts(str(picture), others), _parts(path, others)) < shared:
            differences.append(left_out)
    if shared < len(parts):
        differences.append("another root folder")
    return picture, differences


def _parts(path: str, spellings: Iterable[str]) -> list[str]:
    for name in spellings:
        path = _SPELLINGS[name](path)
    return [part for part in path.split("/") if part not in ("", ".")]


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of last parts that two paths share."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
