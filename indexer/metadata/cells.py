"""Cells of a metadata file: what type each is of, and how it is stored in a column of a type.

A CSV's cell is text and is read as what it looks like; a value of JSON has its own type, and only its strings are
looked at, for dates. What would lose something as a number (007, 1e999, more than 64 bits) stays text.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, TypeAlias

from search.filters.iso_dates import date_text, moment_text

if TYPE_CHECKING:
    from search.filters.columns import ColumnType, Stored

Cell: TypeAlias = str | int | float | bool | None
"""As the file has it; None where there is nothing."""

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
_REAL = re.compile(r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIMIT = 2**63
_LONGEST = 400
"""Characters of a number: longer ones are text."""


def type_of(cell: Cell, *, of_json: bool) -> ColumnType | None:
    """Tell the narrowest type that holds a cell without loss; None for an empty one."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, int):
        return "integer" if -_LIMIT <= cell < _LIMIT else "text"
    if isinstance(cell, float):
        return "real" if math.isfinite(cell) else "text"
    text = cell.strip()
    if date_text(text) is not None:
        return "date"
    if moment_text(text) is not None:
        return "datetime"
    return "text" if of_json else _type_of_word(text)


def wider(one: ColumnType | None, other: ColumnType | None) -> ColumnType | None:
    """Tell the narrowest type that holds what both hold: text, unless the two are of a kind."""
    if one is None or other is None or one == other:
        return one or other
    both = {one, other}
    if both == {"integer", "real"}:
        return "real"
    return "datetime" if both == {"date", "datetime"} else "text"


def stored(cell: Cell, kind: ColumnType, *, of_json: bool) -> Stored:
    """Make of a cell what a column of a type holds; text as bytes.

    Raises:
        ValueError: the column cannot hold it; the message says what the cell is.
    """
    if cell is None:
        return None
    if kind == "text":
        return as_bytes(cell if isinstance(cell, str) else json.dumps(cell))
    own = type_of(cell, of_json=of_json)
    if wider(own, kind) != kind:
        raise ValueError(f"is {own}")
    text = cell.strip() if isinstance(cell, str) else ""
    if kind == "boolean":
        return int(text.lower() == "true" if text else bool(cell))
    if kind == "integer":
        return int(cell)
    if kind == "real":
        return float(cell)
    if kind == "date":
        return date_text(text)
    day = date_text(text)
    return moment_text(text) if day is None else f"{day}T00:00:00"


def as_bytes(text: str) -> bytes:
    """UTF-8, with the bytes of file names that are none; raises ValueError for what no text can hold."""
    if "\0" in text:
        raise ValueError("holds a null character")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate)") from None


def _type_of_word(text: str) -> ColumnType:
    if text.lower() in ("true", "false"):
        return "boolean"
    if len(text) > _LONGEST:
        return "text"
    if _INTEGER.fullmatch(text) and -_LIMIT <= int(text) < _LIMIT:
        return "integer"
    if _REAL.fullmatch(text) and not _whole(text) and math.isfinite(float(text)):
        return "real"
    return "text"


def _whole(text: str) -> bool:
    """Whether a number is written as a whole one; as it was no integer, it is too large to be one of 64 bits."""
    return text.lstrip("-").isdigit()
