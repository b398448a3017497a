"""The syntax tree of a filter, which `search.filters.language` parses and `search.filters.sql` translates to SQL.

Logic is two-valued. A comparison with a missing value (null) is false; `!=` is exactly `not ... =`, and `not` of a
false condition is true. So `price < 5` and `price >= 5` both exclude pictures without a price, while `not price < 5`
and `price != 5` include them. `is null` tests for missing values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

Comparator: TypeAlias = Literal["=", "<", "<=", ">", ">="]
Plain: TypeAlias = str | int | float | bool | date
"""A Python value to compare with; a `datetime` is a `date` too."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a filter's text, for error messages."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column name."""

    name: str
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A value as written in a filter; its meaning depends on the type of the column."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """The value to compare a column with: a word of a filter's text, or a Python value."""

    given: Word | Plain
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column < value`."""

    column: Column
    operator: Comparator
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """`column in (value, ...)`."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """`column glob pattern`: `*` matches any characters, `?` one, `[a-c]` one of these, `[^a-c]` any other one."""

    column: Column
    pattern: Value


@dataclass(frozen=True, slots=True)
class IsNull:
    """`column is null`."""

    column: Column


@dataclass(frozen=True, slots=True)
class HasId:
    """The id of the picture is one of these, however many they are; the language has no word for it."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True if the condition is false."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """True if all conditions are."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True if any condition is."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Comparison | OneOf | Matches | IsNull | HasId | Not | And | Or
