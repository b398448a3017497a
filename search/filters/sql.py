"""Translate a filter to SQL: names and types are checked, and every value is bound rather than part of the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    Value,
)
from search.filters.language import LONGEST, where_error
from search.filters.typed_values import is_number, number_value, raw_text, span, text_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search.filters.columns import ColumnType, Stored

MOST_VALUES = 30_000
"""Maximum number of values bound in one statement; SQLite accepts 32,766."""

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
        if operator != "=" and is_number(value.given):
            raise where_error(
                f"{column.name} is text, which {operator} compares letter by letter, not by size; if you mean that, "
                f"quote the value: {column.name} {operator} '{raw_text(value)}'",
                value.place,
            )
        return Sql(f"({resolved.expression} {operator} CAST(? AS TEXT))", (text_value(column, value),))
    if resolved.type == "boolean" and operator != "=":
        raise where_error(f"{column.name} is true or false: use = or !=, not {operator}", value.place)
    return Sql(f"({resolved.expression} {operator} ?)", (number_value(column, resolved.type, value),))


def _compared_in_time(column: Column, resolved: SqlColumn, operator: Comparator, value: Value) -> Sql:
    """A year, month or day stands for all of it: `<=` includes its end, and `>` begins after it."""
    first, last = span(column, resolved.type, value)
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
        return Sql(f"({resolved.expression} IN ({marks}))", tuple(text_value(column, value) for value in values))
    marks = ",".join("?" * len(values))
    return Sql(
        f"({resolved.expression} IN ({marks}))", tuple(number_value(column, resolved.type, value) for value in values)
    )


def _one_of_times(column: Column, resolved: SqlColumn, values: tuple[Value, ...]) -> Sql:
    """Group values by their precision: SQLite tests a list fast, but takes seconds for thousands of ranges."""
    by_length: dict[int | None, list[str]] = {}
    for value in values:
        first, last = span(column, resolved.type, value)
        by_length.setdefault(None if last is None else len(first), []).append(first)
    parts = []
    for length, texts in by_length.items():
        prefix = resolved.expression if length is None else f"substr({resolved.expression}, 1, {length})"
        parts.append(Sql(f"({prefix} IN ({','.join('?' * len(texts))}))", tuple(texts)))
    return _joined("OR", parts)


def _matched(column: Column, resolved: SqlColumn, pattern: Value) -> Sql:
    if resolved.type != "text":
        raise where_error(f"glob is for text, and {column.name} is {TYPE_NAMES[resolved.type]}", column.place)
    bound = text_value(column, pattern)
    if len(bound) > LONGEST:
        raise where_error(f"the pattern is {len(bound):,} bytes long; the limit is {LONGEST:,}", pattern.place)
    return Sql(f"({resolved.expression} GLOB CAST(? AS TEXT))", (bound,))
