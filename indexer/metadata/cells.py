"""Recognise the types of cells in a metadata file, and convert cells to the stored form of a column.

The type of a CSV cell is recognised from its text; a JSON value has its own type, and only its strings may be dates. A
cell that a number would not hold without loss (007, 1e999, more than 64 bits) stays text.
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
"""A value as read from the file; None for an empty cell."""

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
_REAL = re.compile(r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIMIT = 2**63
_LONGEST = 400
"""Most characters of a number; longer ones are text."""


def type_of(cell: Cell, *, of_json: bool) -> ColumnType | None:
    """The narrowest type that holds a cell without loss; None for an empty cell."""
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
    """The narrowest type that holds the values of both: text, unless they are both numbers or both dates."""
    if one is None or other is None or one == other:
        return one or other
    both = {one, other}
    if both == {"integer", "real"}:
        return "real"
    return "datetime" if both == {"date", "datetime"} else "text"


def stored(cell: Cell, kind: ColumnType, *, of_json: bool) -> Stored:
    """Convert a cell to the stored form of a column type; text becomes bytes.

    Raises:
        ValueError: the column cannot hold it; the message names the type of the cell.
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
    """Encode text as UTF-8, keeping bytes of file names that are not UTF-8; raises ValueError for invalid text."""
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
    if _REAL.fullmatch(text) and not _is_digits(text) and math.isfinite(float(text)):
        return "real"
    return "text"


def _is_digits(text: str) -> bool:
    """Whether a number has digits only: it was not an integer, so it has more than 64 bits."""
    return text.lstrip("-").isdigit()
