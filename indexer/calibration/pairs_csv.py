"""Pairs from a CSV: two pictures a row, and whether they show the same thing."""

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
"""Either name of a column will do."""
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
    """Read pairs from a CSV with the columns `a`, `b` and `same`, and perhaps `subject_a` and `subject_b`.

    Paths are absolute, or relative to `root` or to the CSV's own folder. `same` is 1 or 0 (or true and false, yes and
    no, same and different). Where no column says of whom a picture is, pictures that same pairs connect are of one
    subject.

    Returns:
        The pictures, each once, in the order of their first appearance, and the pairs of their places.

    Raises:
        DataError: a file that is no such CSV, or a row that cannot be; the message has the line.
    """
    rows = list(_rows(file, root))
    if not rows:
        raise DataError(f"{file}: holds no pairs. Give two pictures and 1 or 0 a row, in the columns a, b and same")
    _refuse_repeated(rows, file)
    paths = list(dict.fromkeys(path for row in rows for path in (row.a, row.b)))
    place = {path: number for number, path in enumerate(paths)}
    a = np.array([place[row.a] for row in rows], dtype=np.int64)
    b = np.array([place[row.b] for row in rows], dtype=np.int64)
    same = np.array([row.same for row in rows], dtype=np.bool_)
    subjects = _told_subjects(rows, place, file) or _connected(rows, place, file)
    of = np.array(subjects, dtype=np.int64)
    return paths, Pairs(a, b, same, of[a], of[b])


def _rows(file: Path, root: Path | None) -> Iterator[_Row]:
    for line, values in _lines(file):
        truth = _TRUTH.get(values["same"].strip().lower())
        if truth is None:
            raise DataError(f"{file}, line {line}: same is {values['same']!r}; write 1 or 0")
        for column in ("a", "b"):
            if not values[column].strip():
                raise DataError(f"{file}, line {line}: no picture in the column {column}")
        a, b = (_located(values[column].strip(), file, root) for column in ("a", "b"))
        if a == b:
            raise DataError(f"{file}, line {line}: {a} is paired with itself. Take the row out: it says nothing")
        subjects = None
        if "subject_a" in values:
            subjects = (values["subject_a"].strip(), values["subject_b"].strip())
            if not all(subjects):
                raise DataError(
                    f"{file}, line {line}: a subject is missing. Name both in every row, or leave out both columns"
                )
        yield _Row(line, a, b, truth, subjects)


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each row, under the names `a`, `b`, `same`, `subject_a`, `subject_b`."""
    known = [*_NAMES["a"], *_NAMES["b"], "same", *_SUBJECTS]
    with open_csv(file, known, kind="a CSV of pairs") as table:
        columns = _columns(table.names, file)
        for line, row in table.named():
            yield line, {name: row[column] for name, column in columns.items()}


def _columns(found: Iterable[str], file: Path) -> dict[str, str]:
    """Our name of each column -> the file's."""
    there = set(found)
    columns = {}
    for name in ("a", "b", "same"):
        column = next((each for each in _NAMES.get(name, (name,)) if each in there), None)
        if column is None:
            raise DataError(
                f"{file}: lacks the column {name} (it has {', '.join(found) or 'none'}). A CSV of pairs has the "
                "columns a, b and same, and perhaps subject_a and subject_b"
            )
        columns[name] = column
    told = [name for name in _SUBJECTS if name in there]
    if len(told) == 1:
        raise DataError(f"{file}: has the column {told[0]} alone. Name the subjects of both pictures, or of neither")
    return columns | {name: name for name in told}


def _located(path: str, file: Path, root: Path | None) -> Path:
    """The picture below `root` if it is there, else beside the CSV."""
    for base in (root, file.parent):
        if base is not None and (base / path).exists():
            return Path(os.path.normpath((base / path).absolute()))
    return Path(os.path.normpath(((root or file.parent) / path).absolute()))


def _refuse_repeated(rows: Iterable[_Row], file: Path) -> None:
    known: dict[frozenset[Path], _Row] = {}
    for row in rows:
        before = known.setdefault(frozenset((row.a, row.b)), row)
        if before is not row:
            told = "" if before.same == row.same else ", and once it is the same and once it is not"
            raise DataError(
                f"{file}, line {row.line}: the pair of {row.a} and {row.b} stood in line {before.line} already{told}. "
                "A pair counts once: keep one of the rows"
            )


def _told_subjects(rows: Iterable[_Row], place: dict[Path, int], file: Path) -> list[int] | None:
    """The number of each picture's subject as the rows tell it; None where they do not."""
    known: dict[Path, str] = {}
    for row in rows:
        if row.subjects is None:
            return None
        for path, subject in zip((row.a, row.b), row.subjects, strict=True):
            if known.setdefault(path, subject) != subject:
                raise DataError(
                    f"{file}, line {row.line}: {path} is of the subject {subject!r} here, and of {known[path]!r} in a "
                    "line before"
                )
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(known.values()))}
    return [numbers[known[path]] for path in place]


def _connected(rows: list[_Row], place: dict[Path, int], file: Path) -> list[int]:
    """Number the groups of pictures that same pairs connect (union by the smaller number)."""
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
