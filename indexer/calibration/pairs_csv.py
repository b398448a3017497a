"""Read pairs from a CSV: two pictures per row, and whether they show the same thing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.pairs import Pairs
from indexer.csv_table import open_csv
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMES = {"a": ("a", "path_a"), "b": ("b", "path_b")}
"""Accepted names of the columns."""
_SUBJECTS = ("subject_a", "subject_b")
_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "same": True,
    "0": False,
    "false": False,
    "no": False,
    "different": False,
}


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    a: Path
    b: Path
    same: bool
    subjects: tuple[str, str] | None


def read_pairs(file: Path, root: Path | None = None) -> tuple[list[Path], Pairs]:
    """Read pairs from a CSV with the columns `a`, `b` and `same`, and optionally `subject_a` and `subject_b`.

    Paths are absolute, or relative to `root` or to the CSV's own folder. `same` is 1 or 0 (or true and false, yes and
    no, same and different). Without the columns of subjects, pictures that are connected by same pairs are of one
    subject.

    Returns:
        The distinct pictures in the order of their first appearance, and the pairs, as positions in that list.

    Raises:
        DataError: not a CSV of pairs, or an invalid row; the message names the line.
    """
    rows = list(_rows(file, root))
    if not rows:
        raise DataError(f"{file}: holds no pairs. Each row needs two pictures and 1 or 0, in the columns a, b and same")
    _refuse_repeated(rows, file)
    paths = list(dict.fromkeys(path for row in rows for path in (row.a, row.b)))
    place = {path: number for number, path in enumerate(paths)}
    a = np.array([place[row.a] for row in rows], dtype=np.int64)
    b = np.array([place[row.b] for row in rows], dtype=np.int64)
    same = np.array([row.same for row in rows], dtype=np.bool_)
    subjects = _named_subjects(rows, place, file) or _connected(rows, place, file)
    of = np.array(subjects, dtype=np.int64)
    return paths, Pairs(a, b, same, of[a], of[b])


def _rows(file: Path, root: Path | None) -> Iterator[_Row]:
    for line, values in _lines(file):
        truth = _TRUTH.get(values["same"].strip().lower())
        if truth is None:
            raise DataError(f"{file}, line {line}: same is {values['same']!r}. Write 1 or 0")
        for column in ("a", "b"):
            if not values[column].strip():
                raise DataError(f"{file}, line {line}: no picture in the column {column}")
        a, b = (_located(values[column].strip(), file, line, root) for column in ("a", "b"))
        if a == b:
            raise DataError(f"{file}, line {line}: {a} is paired with itself. Remove the row")
        subjects = None
        if "subject_a" in values:
            subjects = (values["subject_a"].strip(), values["subject_b"].strip())
            if not all(subjects):
                raise DataError(
                    f"{file}, line {line}: a subject is missing. Fill both in every row, or leave out both columns"
                )
        yield _Row(line, a, b, truth, subjects)


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each row, under the names `a`, `b`, `same`, `subject_a`, `subject_b`."""
    known = [*_NAMES["a"], *_NAMES["b"], "same", *_SUBJECTS]
    with open_csv(file, known, kind="a CSV of pairs") as table:
        columns = _columns(table.names, file)
        for line, row in table.named():
            yield line, {name: row[column] for name, column in columns.items()}


def _columns(header: Iterable[str], file: Path) -> dict[str, str]:
    """Standard name of each column -> its name in the file."""
    names = set(header)
    columns = {}
    for name in ("a", "b", "same"):
        column = next((each for each in _NAMES.get(name, (name,)) if each in names), None)
        if column is None:
            raise DataError(
                f"{file}: lacks the column {name} (it has {', '.join(header) or 'none'}). A CSV of pairs has the "
                "columns a, b and same, and optionally subject_a and subject_b"
            )
        columns[name] = column
    subjects = [name for name in _SUBJECTS if name in names]
    if len(subjects) == 1:
        raise DataError(f"{file}: has only the column {subjects[0]}. Name the subjects of both pictures, or of neither")
    return columns | {name: name for name in subjects}


def _located(path: str, file: Path, line: int, root: Path | None) -> Path:
    """The picture below `root` or beside the CSV, whichever exists; a path that names both is an error."""
    places = [Path(os.path.normpath((base / path).absolute())) for base in (root, file.parent) if base is not None]
    existing = [place for place in places if place.exists()]
    if len(existing) > 1 and not existing[0].samefile(existing[1]):
        raise DataError(
            f"{file}, line {line}: {path!r} names both {existing[0]} and {existing[1]}. Write an absolute path"
        )
    return (existing or places)[0]


def _refuse_repeated(rows: Iterable[_Row], file: Path) -> None:
    known: dict[frozenset[Path], _Row] = {}
    for row in rows:
        before = known.setdefault(frozenset((row.a, row.b)), row)
        if before is not row:
            conflict = "" if before.same == row.same else ", with another value of same"
            raise DataError(
                f"{file}, line {row.line}: the pair of {row.a} and {row.b} is already in line {before.line}{conflict}. "
                "Keep one of the rows"
            )


def _named_subjects(rows: Iterable[_Row], place: dict[Path, int], file: Path) -> list[int] | None:
    """The number of each picture's subject from the rows; None if they have no subjects."""
    known: dict[Path, str] = {}
    for row in rows:
        if row.subjects is None:
            return None
        for path, subject in zip((row.a, row.b), row.subjects, strict=True):
            if known.setdefault(path, subject) != subject:
                raise DataError(
                    f"{file}, line {row.line}: {path} has the subject {subject!r} here, and {known[path]!r} in an "
                    "earlier line"
                )
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(known.values()))}
    return [numbers[known[path]] for path in place]


def _connected(rows: list[_Row], place: dict[Path, int], file: Path) -> list[int]:
    """Number the groups of pictures that are connected by same pairs (union by the smaller number)."""
    group = list(range(len(place)))

    def root(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    for row in rows:
        if row.same:
            one, other = sorted((root(place[row.a]), root(place[row.b])))
            group[other] = one
    for row in rows:
        if not row.same and root(place[row.a]) == root(place[row.b]):
            raise DataError(
                f"{file}, line {row.line}: {row.a} and {row.b} are different here, but a chain of same pairs connects "
                "them. Correct the rows, or name the subjects in the columns subject_a and subject_b"
            )
    return [root(number) for number in range(len(place))]
