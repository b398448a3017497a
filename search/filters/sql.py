"""Translate a filter to SQL: names and types are checked, and every value is bound rather than part of the text."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, assert_never

from search.filters.columns import TYPE_NAMES
from search.filters.conditions import (
    And,
    Column,
    Comparator,
    Comparison,
    Condition,
    HasId,
    IsNull,
    Matches,
    Not,
    OneOf,
    Or,
    Plain,
    Value,
    Word,
)
from search.filters.iso_dates import AFTER, moment_text, period, stored_moment
from search.filters.language import LONGEST, where_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search.errors import FilterError
    from search.filters.columns import ColumnType, Stored

MOST_VALUES = 30_000
"""Maximum number of values bound in one statement; SQLite accepts 32,766."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER_LIMIT = 2**63
_SHOWN_COLUMNS = 20


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """SQL expression and type of a column; the expression comes from the catalog, never from a user."""

    expression: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression that is true for pictures that pass the filter, and the values of its question marks."""

    text: str
    values: tuple[Stored, ...] = ()


def to_sql(condition: Condition, columns: Mapping[str, SqlColumn]) -> Sql:
    """Translate a condition to an SQL expression, which may be null where the condition is not true.

    Raises:
        FilterError: a column is unknown, a value does not fit the column's type, or there are too many values.
    """
    sql = _Writer(columns).write(condition)
    if len(sql.values) > MOST_VALUES:
        raise where_error(f"it holds {len(sql.values):,} values; the limit is {MOST_VALUES:,}", None)
    return sql


class _Writer:
    """Null counts as false under `and` and `or`; only `not` must distinguish them, by `IS NOT TRUE`."""

    def __init__(self, columns: Mapping[str, SqlColumn]) -> None:
        self._columns = columns

    def write(self, condition: Condition) -> Sql:
        match condition:
            case And(conditions):
                return _joined("AND", [self.write(each) for each in conditions])
            case Or(conditions):
                return _joined("OR", [self.write(each) for each in conditions])
            case Not(inner):
                sql = self.write(inner)
                return Sql(f"({sql.text} IS NOT TRUE)", sql.values)
            case IsNull(column):
                return Sql(f"({self._find(column).expression} IS NULL)")
            case Comparison(column, operator, value):
                return _compared(column, self._find(column), operator, value)
            case OneOf(column, values):
                return _one_of(column, self._find(column), values)
            case Matches(column, pattern):
                return _matched(column, self._find(column), pattern)
            case HasId(ids):
                own = self._find(Column("id")).expression
                return Sql(f"({own} IN (SELECT value FROM json_each(?)))", (json.dumps(ids),))
            case _:
                assert_never(condition)

    def _find(self, column: Column) -> SqlColumn:
        resolved = self._columns.get(column.name)
        if resolved is not None:
            return resolved
        folded = {name.casefold(): name for name in self._columns}
        similar = [folded[name] for name in get_close_matches(column.name[:100].casefold(), folded, n=3)]
        suggestion = f". Did you mean {' or '.join(similar)}?" if similar else ""
        names = ", ".join(list(self._columns)[:_SHOWN_COLUMNS])
        more = ", ..." if len(self._columns) > _SHOWN_COLUMNS else ""
        raise where_error(f"there is no column {column.name!r}{suggestion} (columns: {names}{more})", column.place)


def _joined(word: str, parts: Sequence[Sql]) -> Sql:
    """Join in halves: SQLite rejects expressions a thousand deep, and `a AND b AND c ...` is as deep as it is long."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = _joined(word, parts[:half]), _joined(word, parts[half:])
    return Sql(f"({left.text} {word} {right.text})", left.values + right.values)


def _compared(column: Column, resolved: SqlColumn, operator: Comparator, value: Value) -> Sql:
    if resolved.type in ("date", "datetime"):
        return _compared_in_time(column, resolved, operator, value)
    if resolved.type == "text":
        if operator != "=" and _is_number(value.given):
            raise where_error(
                f"{column.name} is text, which {operator} compares letter by letter, not by size; if you mean that, "
                f"quote the value: {column.name} {operator} '{_raw_text(value)}'",
                value.place,
            )
        return Sql(f"({resolved.expression} {operator} CAST(? AS TEXT))", (_text(column, value),))
    if resolved.type == "boolean" and operator != "=":
        raise where_error(f"{column.name} is true or false: use = or !=, not {operator}", value.place)
    return Sql(f"({resolved.expression} {operator} ?)", (_number(column, resolved.type, value),))


def _compared_in_time(column: Column, resolved: SqlColumn, operator: Comparator, value: Value) -> Sql:
    """A year, month or day stands for all of it: `<=` includes its end, and `>` begins after it."""
    first, last = _span(column, resolved.type, value)
    name = resolved.expression
    if last is None:
        return Sql(f"({name} {operator} ?)", (first,))
    match operator:
        case "=":
            return Sql(f"({name} >= ? AND {name} < ?)", (first, last))
        case "<" | ">=":
            return Sql(f"({name} {operator} ?)", (first,))
        case "<=":
            return Sql(f"({name} < ?)", (last,))
        case ">":
            return Sql(f"({name} >= ?)", (last,))


def _one_of(column: Column, resolved: SqlColumn, values: tuple[Value, ...]) -> Sql:
    if not values:
        return Sql("(0)")
    if resolved.type in ("date", "datetime"):
        return _one_of_times(column, resolved, values)
    if resolved.type == "text":
        marks = ",".join(["CAST(? AS TEXT)"] * len(values))
        return Sql(f"({resolved.expression} IN ({marks}))", tuple(_text(column, value) for value in values))
    marks = ",".join("?" * len(values))
    return Sql(
        f"({resolved.expression} IN ({marks}))", tuple(_number(column, resolved.type, value) for value in values)
    )


def _one_of_times(column: Column, resolved: SqlColumn, values: tuple[Value, ...]) -> Sql:
    """Group values by their precision: SQLite tests a list fast, but takes seconds for thousands of ranges."""
    by_length: dict[int | None, list[str]] = {}
    for value in values:
        first, last = _span(column, resolved.type, value)
        by_length.setdefault(None if last is None else len(first), []).append(first)
    parts = []
    for length, texts in by_length.items():
        prefix = resolved.expression if length is None else f"substr({resolved.expression}, 1, {length})"
        parts.append(Sql(f"({prefix} IN ({','.join('?' * len(texts))}))", tuple(texts)))
    return _joined("OR", parts)


def _matched(column: Column, resolved: SqlColumn, pattern: Value) -> Sql:
    if resolved.type != "text":
        raise where_error(f"glob is for text, and {column.name} is {TYPE_NAMES[resolved.type]}", column.place)
    bound = _text(column, pattern)
    if len(bound) > LONGEST:
        raise where_error(f"the pattern is {len(bound):,} bytes long; the limit is {LONGEST:,}", pattern.place)
    return Sql(f"({resolved.expression} GLOB CAST(? AS TEXT))", (bound,))


# Values --------------------------------------------------------------------------------------------------------------


def _text(column: Column, value: Value) -> bytes:
    """Encode text as bytes, because file names need not be UTF-8."""
    given = value.given
    if isinstance(given, bool | date):
        raise _misfit(column, "text", value)
    try:
        return _raw_text(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise where_error("half a character (a lone surrogate) is not valid text", value.place) from None


def _number(column: Column, kind: ColumnType, value: Value) -> int | float:
    """The number to compare an integer, real or boolean column with."""
    given = value.given
    if kind == "boolean":
        known = {"true": 1, "false": 0}.get(_raw_text(value).lower())
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


def _span(column: Column, kind: ColumnType, value: Value) -> tuple[str, str | None]:
    """First value of the period, and the end that all its values are less than; None for a single datetime."""
    given = value.given
    if isinstance(given, date) and not isinstance(given, datetime):
        return given.isoformat(), given.isoformat() + AFTER
    if isinstance(given, datetime) and kind == "datetime":
        return _moment(column, value, given), None
    if isinstance(given, str | Word):
        text = _raw_text(value)
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


def _raw_text(value: Value) -> str:
    given = value.given
    return given.text if isinstance(given, Word) else str(given)


def _is_number(given: Word | Plain) -> bool:
    if isinstance(given, Word):
        return not given.quoted and _NUMBER.fullmatch(given.text) is not None
    return not isinstance(given, str)


def _misfit(column: Column, kind: ColumnType, value: Value) -> FilterError:
    forms = {"date": " (2024-05-01, 2024-05 or 2024)", "datetime": " (2024-05-01T13:30, or 2024-05-01, 2024-05, 2024)"}
    shown = _raw_text(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    return where_error(f"{column.name} is {TYPE_NAMES[kind]}{forms.get(kind, '')}, and {shown!r} is not", value.place)
