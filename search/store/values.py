"""Types of the catalog's columns, and their checks: SQLite itself stores text where a number was declared.

A reader checks the rows that it reads, and `twinlens check` checks all rows of all tables. Each type has a letter.
Values are checked one column at a time, which costs little beside the work of SQLite.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 2**62
"""Numbers in the catalog stay below this, so that adding to them does not exceed the integers of SQLite."""
_MOST_PIXELS = 2**31
"""Widths and heights stay below this, so that their product does not exceed the integers of SQLite."""

ANYTHING = "*"
"""Letter of a column that is checked elsewhere."""

Column = tuple[Any, ...]

_WORDS = {
    "i": "a whole number",
    "I": "a whole number or nothing",
    "n": "a whole number from 0",
    "k": "a whole number from 1",
    "w": "a number of pixels",
    "s": "plain text",
    "t": "text",
    "T": "text or nothing",
    "p": "a path",
    "P": "a path or nothing",
    "b": "bytes",
    "c": "checksums of four bytes each",
    "r": "a share or nothing",
    ANYTHING: "any value",
}
"""Letter -> the type of value that it stands for."""

TABLES: dict[str, dict[str, str]] = {
    "settings": {"key": "s", "value": "t"},
    "files": {"name": "p", "bytes": "n", "sha256": "s"},
    "digests": {"file": "p", "block_rows": "k", "crc32": "c"},
    "segments": {
        "id": "k",
        "vectors": "p",
        "structure": "T",
        "rows": "n",
        "kind": "s",
        "parameters": "t",
        "recall": "r",
        "created": "s",
        "tuning": "T",
    },
    "pictures": {
        "id": "k",
        "path": "p",
        "content": "s",
        "bytes": "n",
        "mtime_ns": "i",
        "width": "w",
        "height": "w",
        "label": "T",
        "segment": "k",
        "row": "n",
        "ctime_ns": "I",
        "inode": "I",
    },
    "tombstones": {"segment": "k", "row": "n", "content": "s", "width": "w", "height": "w"},
    "skipped": {"path": "p", "bytes": "n", "mtime_ns": "i", "reason": "t"},
    "identities": {"id": "k", "name": "t", "created": "s"},
    "templates": {
        "id": "k",
        "identity": "k",
        "content": "s",
        "path": "p",
        "vector": "b",
        "quality": "t",
        "created": "s",
    },
    "columns": {"id": "k", "name": "t", "type": "s"},
    "retained": {"content": "s", "path": "p", "label": "T", "metadata": "t", "removed": "s", "broken": "i"},
    "retained_templates": {
        "content": "s",
        "identity": "t",
        "path": "p",
        "quality": "t",
        "created": "s",
        "removed": "s",
    },
    "sqlite_sequence": {"name": "s", "seq": "n"},
}
"""Tables whose columns each hold one kind of value; those of `metadata` hold what `columns` says."""


def kinds(table: str, *columns: str) -> str:
    """The letters of some columns of a table."""
    return "".join(TABLES[table][column] for column in columns)


def unsound(rows: Sequence[Sequence[Any]], letters: str) -> str | None:
    """Describe the first value that does not have the type of its column's letter; None if all have."""
    for letter, column in zip(letters, zip(*rows, strict=True), strict=True) if rows else ():
        if not _SOUND[letter](column):
            wrong = next((value for value in column if not _SOUND[letter]((value,))), column)
            return f"{shown(wrong)} instead of {_WORDS[letter]}"
    return None


def shown(value: object) -> str:
    """Shorten any value for a message."""
    if isinstance(value, int) and abs(value) >= MOST:
        return "a huge number"
    return reprlib.repr(value)


def _of(column: Column, *types: type) -> bool:
    return set(map(type, column)) <= set(types)


def _numbers(least: int, below: int) -> Callable[[Column], bool]:
    return lambda column: _of(column, int) and min(column) >= least and max(column) < below


def _plain(column: Column) -> bool:
    return _of(column, str) and all(map(str.isascii, column))


def _paths(column: Column) -> bool:
    return _of(column, str) and "\0".join(column).count("\0") == len(column) - 1


def _shares(column: Column) -> bool:
    return _of(column, float, int, type(None)) and all(share is None or 0 <= share <= 1 for share in column)


_SOUND: dict[str, Callable[[Column], bool]] = {
    "i": lambda column: _of(column, int),
    "I": lambda column: _of(column, int, type(None)),
    "n": _numbers(0, MOST),
    "k": _numbers(1, MOST),
    "w": _numbers(0, _MOST_PIXELS),
    "s": _plain,
    "t": lambda column: _of(column, str),
    "T": lambda column: _of(column, str, type(None)),
    "p": _paths,
    "P": lambda column: _paths(tuple("" if value is None else value for value in column)),
    "b": lambda column: _of(column, bytes),
    "c": lambda column: _of(column, bytes) and all(len(checksums) % 4 == 0 for checksums in column),
    "r": _shares,
    ANYTHING: lambda column: True,
}
