"""Which label a picture has: the one rule of build, train, evaluate and calibrate.

A label is the path of the picture's folder below the folder of pictures, or what a row of a CSV says. `docs/labels.md`
has the rule and its reasons.
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
"""Sources of labels that are no file."""
_SPLITS = {"": "train", "train": "train", "validation": "validation", "val": "validation", "test": "held_out"}


def by_folder(path: Path, root: Path) -> str | None:
    """The path of a picture's folder below `root`, with `/` between its parts; None for a picture directly in `root`.

    The path and not the name alone: `a/01` and `b/01` are two classes, and no label depends on which other folders
    there are.
    """
    return None if path == root or path.parent == root else path.parent.relative_to(root).as_posix()


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What one row of a CSV says of a picture; None for an empty cell, and for a column that was not read."""

    line: int
    path: str
    """As the row has it."""
    label: str | None
    split: str | None = None
    """`train`, `validation` or `held_out`; `train` for an empty cell of the column."""
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
        """Picture -> label; None where the row has an empty one."""
        return {picture: row.label for picture, row in self.rows.items()}

    def notes(self) -> list[str]:
        """Rows that name no picture, in one sentence; empty where all of them do."""
        if not self.unmatched:
            return []
        first = self.unmatched[0]
        return [
            f"{len(self.unmatched):,} rows of {self.file} name no picture of the collection; "
            f"line {first.line}: {first.path}"
        ]

    def put(self, picture: Path, row: LabelRow) -> None:
        """Take a row; raises DataError if an earlier one says something else of the same picture."""
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

    A path is absolute, or relative to one of `bases` or to the folder of the CSV. An empty label means none. Rows that
    say the same of a picture count once.

    Args:
        file: the CSV.
        bases: folders that a relative path may start from.
        pictures: absolute paths of the pictures that are there.

    Raises:
        DataError: the file is no CSV with these columns; it holds no rows; none of them names a picture; one names two
            pictures; or two rows give one picture different labels.
    """
    there = pictures if isinstance(pictures, set | frozenset | dict) else set(pictures)
    return _read(file, [*bases, file.absolute().parent], ("path", "label"), _Collected(there))


def read_labels_of_files(
    file: Path, root: Path, *, labelled: bool = True, examples: Callable[[], Collection[Path]]
) -> LabelTable:
    """As `read_labels`, with the columns `split` and `subject`, of pictures wherever they lie.

    Rows of files that are not there stay in the table, for whoever reads the pictures to report.

    Args:
        file: the CSV.
        root: the folder that a relative path may start from, other than that of the CSV.
        labelled: whether to read the column `label`; else the file need not have it.
        examples: lists pictures that an error compares the paths with, where none of them is there.

    Raises:
        DataError: as `read_labels`, or a row has an unknown split.
    """
    columns = ("path", "label", "split", "subject") if labelled else ("path", "split", "subject")
    return _read(file, [root, file.parent], columns, _OnDisk(examples))


class _Pictures(Protocol):
    """The pictures that the rows of a CSV may name."""

    @property
    def empty(self) -> bool:
        """Whether there is none to name, so that a CSV that names none is no mistake."""

    def named(self, places: Sequence[Path]) -> list[Path]:
        """Which of these places are pictures, each picture once; all of them are named by one row."""

    def stand_in(self, places: Sequence[Path]) -> Path | None:
        """What a row that names no picture is noted under; None if it is left out."""

    def examples(self) -> Collection[Path]:
        """Pictures to compare a path with that names none."""


class _Collected:
    """Pictures of a collection, by their paths."""

    def __init__(self, pictures: Collection[Path]) -> None:
        self._pictures = pictures
        self._links = ResolvedPaths()
        self._resolved: dict[Path, Path] = {}
        self.empty = not pictures

    def named(self, places: Sequence[Path]) -> list[Path]:
        found = list(dict.fromkeys(place for place in places if place in self._pictures))
        if found:
            return found
        # A folder above it may be reached through a link, here or there.
        self._resolved = self._resolved or {self._links.of(picture): picture for picture in self._pictures}
        there = (self._resolved.get(self._links.of(place)) for place in places)
        return list(dict.fromkeys(picture for picture in there if picture is not None))

    def stand_in(self, places: Sequence[Path]) -> None:
        return None

    def examples(self) -> Collection[Path]:
        return self._pictures


class _OnDisk:
    """Whatever file is there. One that is reached by two paths is called by that which came first."""

    def __init__(self, examples: Callable[[], Collection[Path]]) -> None:
        self.examples = examples
        self.empty = False
        self._links = ResolvedPaths()
        self._first: dict[Path, Path] = {}

    def named(self, places: Sequence[Path]) -> list[Path]:
        there = (self._called(place) for place in places if os.path.exists(place))  # noqa: PTH110 - never raises
        return list(dict.fromkeys(there))

    def stand_in(self, places: Sequence[Path]) -> Path:
        return self._called(places[-1])

    def _called(self, place: Path) -> Path:
        return self._first.setdefault(self._links.of(place), place)


def _read(file: Path, folders: Sequence[Path], columns: Sequence[str], pictures: _Pictures) -> LabelTable:
    table, count = LabelTable(file), 0
    with open_csv(file, columns, kind="a CSV of labels") as found:
        needed = [column for column in columns if column in ("path", "label") or column in found.names]
        found.require(*needed)
        for line, cells in found.named():
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
            picture = named[0] if named else pictures.stand_in(places)
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
    said = {column: cell.strip() for column, cell in cells.items()}
    if said.get("split", "") not in _SPLITS:
        raise DataError(
            f"{file}, line {line}: {path} has the split {said['split']!r}; known are train, validation and test"
        )
    split = _SPLITS[said["split"]] if "split" in said else None
    return LabelRow(line, path, said.get("label") or None, split, said.get("subject") or None)


def _value(column: str, value: str | None) -> str:
    return f"no {column}" if value is None else f"the {column} {value!r}"


def _places(path: str, folders: Iterable[Path]) -> list[Path]:
    """Where a path may lead, as it is written and without spaces around it."""
    spellings = dict.fromkeys((path, path.strip()))
    places = (Path(os.path.normpath(folder / each)) for each in spellings for folder in folders)
    return list(dict.fromkeys(places))


def _refuse_misfit(table: LabelTable, pictures: Collection[Path]) -> None:
    """Raise DataError for a CSV of which not one row names a picture."""
    first = table.unmatched[0]
    hint = mismatch(first.line, first.path, pictures) if pictures else f"Line {first.line} says {first.path!r}"
    raise DataError(f"{table.file}: none of its {len(table.unmatched):,} rows names a picture that is there. {hint}")


def mismatch(line: int, path: str, pictures: Collection[Path]) -> str:
    """Say in what a path of a CSV differs from the picture that it seems to mean, and what to do."""
    example = min(pictures, key=os.fsencode)
    shown = f"Line {line} says {path!r}"
    alike, differs = _alike(path, pictures)
    if alike is None:
        return f"{shown}; a picture here is {str(example)!r}. Write paths relative to the folder of pictures"
    reason = f" (what differs: {'; '.join(differs)})" if differs else ""
    return f"{shown}, the picture is {str(alike)!r}{reason}. Write the path as the picture has it"


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
