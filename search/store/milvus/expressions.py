"""Translate a filter into an expression of Milvus, whose strings and numbers are written by this module alone.

Milvus has three-valued logic where our language has two values: so `not` is moved down to the comparisons, and each
negated one says that a missing value counts as false. What Milvus cannot compare as our language does (patterns with
`?` or `[...]`, control characters, texts that are not UTF-8) is evaluated over the values of the column and becomes a
list of ids (`search/store/milvus/scanning.py`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from search.filters.conditions import (
    And,
    Comparison,
    Condition,
    HasId,
    IsNull,
    Matches,
    Not,
    OneOf,
    Or,
)
from search.filters.typed_values import number_value, span, text_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from search.filters.conditions import Column, Comparator, Value
    from search.store.milvus.layout import Field

    Scan = Callable[["Leaf", Field], list[int]]

Leaf = Comparison | OneOf | Matches

NOTHING, EVERYTHING = "id < 0", "id >= 0"
_LARGEST_EXACT = 2**53
"""Whole numbers up to this are exact as floating-point numbers."""
_MOST_PERIODS = 100
"""Most years, months and days of one list that are written as ranges."""
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class _Inexpressible(Exception):  # noqa: N818  (it never leaves this module)
    """Milvus cannot compare this as our language does."""


def to_expression(condition: Condition, fields: Mapping[str, Field], scan: Scan) -> str:
    """Translate a condition that is valid: `to_sql` accepts it.

    Args:
        condition: the filter.
        fields: column -> field.
        scan: returns the ids of the pictures that match what Milvus cannot express.
    """
    return _Writer(fields, scan).write(condition, positive=True)


class _Writer:
    def __init__(self, fields: Mapping[str, Field], scan: Scan) -> None:
        self._fields = fields
        self._scan = scan

    def write(self, condition: Condition, *, positive: bool) -> str:
        match condition:
            case And(conditions) | Or(conditions):
                word = " and " if isinstance(condition, And) == positive else " or "
                return f"({word.join(self.write(each, positive=positive) for each in conditions)})"
            case Not(inner):
                return self.write(inner, positive=not positive)
            case IsNull(column):
                return _null(self._fields[column.name], is_null=positive)
            case HasId(ids):
                return _chosen(ids, positive=positive)
            case Comparison() | OneOf() | Matches():
                return self._leaf(condition, self._fields[condition.column.name], positive=positive)
            case _:
                assert_never(condition)

    def _leaf(self, leaf: Leaf, field: Field, *, positive: bool) -> str:
        try:
            expression = _expression(leaf, field)
        except _Inexpressible:
            return _chosen(self._scan(leaf, field), positive=positive)
        if positive:
            return expression
        return f"(not ({expression}) or {field.name} is null)" if field.nullable else f"(not ({expression}))"


def _expression(leaf: Leaf, field: Field) -> str:
    """What is true for pictures that match; false or unknown for the others."""
    match leaf:
        case Comparison(column, operator, value):
            return _compared(column, field, operator, value)
        case OneOf(column, values):
            return _one_of(column, field, values)
        case Matches(column, pattern):
            return _matched(field, _text(column, pattern))


def _compared(column: Column, field: Field, operator: Comparator, value: Value) -> str:
    name, sign = field.name, "==" if operator == "=" else operator
    if field.type == "text":
        return f"{name} {sign} {_quoted(_text(column, value))}"
    if field.type in ("date", "datetime"):
        first, last = span(column, field.type, value)
        if last is None:
            return f"{name} {sign} {_quoted(first)}"
        return {
            "=": f"({name} >= {_quoted(first)} and {name} < {_quoted(last)})",
            "<": f"{name} < {_quoted(first)}",
            ">=": f"{name} >= {_quoted(first)}",
            "<=": f"{name} < {_quoted(last)}",
            ">": f"{name} >= {_quoted(last)}",
        }[operator]
    number = number_value(column, field.type, value)
    if field.type == "boolean":
        return f"{name} == {'true' if number else 'false'}"
    return _compared_number(field, operator, number)


def _compared_number(field: Field, operator: Comparator, number: int | float) -> str:
    """Milvus compares a field of whole numbers with whole numbers only, and has no infinity."""
    if not math.isfinite(number) or (field.type == "integer" and abs(number) > 2**63):
        below = operator in ("<", "<=") if number > 0 else operator in (">", ">=")
        return _null(field, is_null=False) if below else NOTHING
    if field.type == "integer" and number != int(number):
        if operator == "=":
            return NOTHING
        number, operator = (math.floor(number), "<=") if operator in ("<", "<=") else (math.ceil(number), ">=")
    return f"{field.name} {'==' if operator == '=' else operator} {_number(field, number)}"


def _one_of(column: Column, field: Field, values: tuple[Value, ...]) -> str:
    if field.type in ("date", "datetime"):
        spans = [span(column, field.type, value) for value in values]
        if sum(last is not None for _, last in spans) > _MOST_PERIODS:
            raise _Inexpressible
        moments = [_quoted(first) for first, last in spans if last is None]
        ranges = [f"({field.name} >= {_quoted(a)} and {field.name} < {_quoted(b)})" for a, b in spans if b is not None]
        return " or ".join([*ranges, *([_listed(field, moments)] if moments else [])]) or NOTHING
    if field.type == "text":
        return _listed(field, [_quoted(_text(column, value)) for value in values])
    numbers = [number_value(column, field.type, value) for value in values]
    if field.type == "boolean":
        words = ("true" if each else "false" for each in dict.fromkeys(numbers))
        return " or ".join(f"{field.name} == {word}" for word in words) or NOTHING
    finite = [each for each in numbers if math.isfinite(each)]
    if field.type == "integer":
        finite = [each for each in finite if each == int(each) and -(2**63) <= each < 2**63]
    return _listed(field, [_number(field, each) for each in finite])


def _matched(field: Field, pattern: str) -> str:
    """A pattern without `?` and `[`, and with at most one `*`, at its end: equality, or a range of texts."""
    prefix = pattern.rstrip("*")
    if any(each in prefix for each in "*?["):
        raise _Inexpressible
    if prefix == pattern:
        return f"{field.name} == {_quoted(prefix)}"
    if not prefix:
        return _null(field, is_null=False)
    return f"({field.name} >= {_quoted(prefix)} and {field.name} < {_quoted(_after(prefix))})"


def _after(prefix: str) -> str:
    """The first text, in the order of code points, after all that begin with a prefix."""
    following = ord(prefix[-1]) + 1
    if following == 0xD800:
        following = 0xE000
    if following > 0x10FFFF:
        raise _Inexpressible
    return prefix[:-1] + chr(following)


def _text(column: Column, value: Value) -> str:
    try:
        return text_value(column, value).decode()
    except UnicodeDecodeError:
        raise _Inexpressible from None


def _quoted(text: str) -> str:
    written = "".join(_ESCAPES.get(each, each) for each in text)
    if any(ord(each) < 32 or ord(each) == 127 for each in written):
        raise _Inexpressible
    return f'"{written}"'


def _number(field: Field, number: int | float) -> str:
    if field.type == "integer":
        if abs(int(number)) == 2**63:  # Milvus reads the sign apart from the digits, which are too large
            raise _Inexpressible
        return str(int(number))
    if isinstance(number, int) and abs(number) > _LARGEST_EXACT:
        raise _Inexpressible
    return repr(float(number))


def _listed(field: Field, written: list[str]) -> str:
    return f"{field.name} in [{', '.join(written)}]" if written else NOTHING


def _chosen(ids: Iterable[int], *, positive: bool) -> str:
    known = [each for each in ids if 0 < each < 2**63]
    if not known:
        return NOTHING if positive else EVERYTHING
    return f"id {'in' if positive else 'not in'} [{', '.join(map(str, known))}]"


def _null(field: Field, *, is_null: bool) -> str:
    if field.nullable:
        return f"{field.name} is {'' if is_null else 'not '}null"
    return NOTHING if is_null else EVERYTHING
