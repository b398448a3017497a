"""The values of a filter, converted to the type of the column that they are compared with."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from search.filters.columns import TYPE_NAMES
from search.filters.conditions import Column, Plain, Value, Word
from search.filters.iso_dates import AFTER, moment_text, period, stored_moment
from search.filters.language import where_error

if TYPE_CHECKING:
    from search.errors import FilterError
    from search.filters.columns import ColumnType

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER_LIMIT = 2**63


def text_value(column: Column, value: Value) -> bytes:
    """Encode text as bytes, because file names need not be UTF-8."""
    given = value.given
    if isinstance(given, bool | date):
        raise _misfit(column, "text", value)
    try:
        return raw_text(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise where_error("half a character (a lone surrogate) is not valid text", value.place) from None


def number_value(column: Column, kind: ColumnType, value: Value) -> int | float:
    """The number to compare an integer, real or boolean column with."""
    given = value.given
    if kind == "boolean":
        known = {"true": 1, "false": 0}.get(raw_text(value).lower())
        if known is None or not isinstance(given, Word | bool):
            raise _misfit(column, kind, value)
        return known
    number: int | float
    if isinstance(given, Word):
        number = _read_number(column, kind, value, given.text)
    elif isinstance(given, int | float) and not isinstance(given, bool) and not math.isnan(given):
        number = given
    else:
        raise _misfit(column, kind, value)
    if isinstance(number, int) and not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        return math.copysign(math.inf, number) if kind == "integer" else _as_float(number)
    return number


def _read_number(column: Column, kind: ColumnType, value: Value, text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise _misfit(column, kind, value)
    digits = text.lstrip("+-")
    return int(text) if digits.isdigit() and len(digits) < 100 else float(text)


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def span(column: Column, kind: ColumnType, value: Value) -> tuple[str, str | None]:
    """First value of the period, and the end that all its values are less than; None for a single datetime."""
    given = value.given
    if isinstance(given, date) and not isinstance(given, datetime):
        return given.isoformat(), given.isoformat() + AFTER
    if isinstance(given, datetime) and kind == "datetime":
        return _moment(column, value, given), None
    if isinstance(given, str | Word):
        text = raw_text(value)
        if (prefix := period(text)) is not None:
            return prefix, prefix + AFTER
        if kind == "datetime" and (moment := moment_text(text)) is not None:
            return moment, None
    raise _misfit(column, kind, value)


def _moment(column: Column, value: Value, given: datetime) -> str:
    try:
        return stored_moment(given)
    except OverflowError:
        raise _misfit(column, "datetime", value) from None


def raw_text(value: Value) -> str:
    """A value as it was written."""
    given = value.given
    return given.text if isinstance(given, Word) else str(given)


def is_number(given: Word | Plain) -> bool:
    """Whether a value is a number, or an unquoted word that looks like one."""
    if isinstance(given, Word):
        return not given.quoted and _NUMBER.fullmatch(given.text) is not None
    return not isinstance(given, str)


def _misfit(column: Column, kind: ColumnType, value: Value) -> FilterError:
    forms = {"date": " (2024-05-01, 2024-05 or 2024)", "datetime": " (2024-05-01T13:30, or 2024-05-01, 2024-05, 2024)"}
    shown = raw_text(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    return where_error(f"{column.name} is {TYPE_NAMES[kind]}{forms.get(kind, '')}, and {shown!r} is not", value.place)
