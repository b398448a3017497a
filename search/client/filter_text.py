"""Filters as a service takes them: their text, or plain values by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from search.errors import FilterError
from search.filters.conditions import And, Comparison, HasId, IsNull, Matches, Not, OneOf, Or, Word
from search.filters.language import condition_of

if TYPE_CHECKING:
    from search.filters.conditions import Column, Condition, Value
    from search.filters.language import Where


def json_filter(where: Where | None) -> Any:
    """A filter in the body of a request."""
    if where is None or isinstance(where, str):
        return where
    if isinstance(where, Mapping):
        condition_of(where)  # reports values that no filter can have
        return {name: _json(value) for name, value in where.items()}
    return list(where) if isinstance(where, Sequence) else text_of(where)


def text_filter(where: Where | None) -> str | None:
    """A filter in an address."""
    if where is None or isinstance(where, str):
        return where
    condition = condition_of(where)
    return None if condition is None else text_of(condition)


def text_of(condition: Condition) -> str:
    """A condition in the language of filters.

    Raises:
        FilterError: the language has no text for it: a list without values.
    """
    if isinstance(condition, And | Or):
        word = " and " if isinstance(condition, And) else " or "
        return word.join(f"({text_of(each)})" for each in condition.conditions)
    if isinstance(condition, Not):
        return f"not ({text_of(condition.condition)})"
    if isinstance(condition, HasId):
        return _listed('"id"', [str(number) for number in condition.ids])
    column = _column(condition.column)
    if isinstance(condition, Comparison):
        return f"{column} {condition.operator} {_value(condition.value)}"
    if isinstance(condition, Matches):
        return f"{column} glob {_value(condition.pattern)}"
    if isinstance(condition, IsNull):
        return f"{column} is null"
    assert isinstance(condition, OneOf)
    return _listed(column, [_value(value) for value in condition.values])


def _listed(column: str, values: list[str]) -> str:
    if not values:
        raise FilterError("cannot send the filter to a service: a list of values is empty")
    return f"{column} in ({', '.join(values)})"


def _column(column: Column) -> str:
    return _quoted(column.name, '"')


def _value(value: Value) -> str:
    given = value.given
    if isinstance(given, Word):
        return _quoted(given.text, "'") if given.quoted else given.text
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, date):
        return given.isoformat()
    return _quoted(given, "'") if isinstance(given, str) else repr(given)


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, 2 * quote) + quote


def _json(value: Any) -> Any:
    if hasattr(value, "item") and not isinstance(value, str | int | float):  # a NumPy scalar
        value = value.item()
    if isinstance(value, date):
        return value.isoformat()
    return [_json(each) for each in value] if isinstance(value, list | tuple | set | frozenset) else value
