"""What a filter says, as a small tree: the parser of `search.filters.language` makes it, `search.filters.sql` asks
SQLite.

Logic is two-valued. A comparison with a missing value (null) is false, whatever it is compared with; `!=` is exactly
`not ... =`, and `not` of what is false is true. So `price < 5` leaves out pictures without a price, and so does
`price >= 5`, while `not price < 5` and `price != 5` take them in; `is null` asks for them by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

Comparator: TypeAlias = Literal["=", "<", "<=", ">", ">="]
Plain: TypeAlias = str | int | float | bool | date
"""What a Python caller compares with; a `datetime` is a `date` too."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a filter's text something stands, so that an error can point at it."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A value as it was written in a filter; what it means depends on the type of the column."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """What a column is compared with: a word of a filter's text, or a value that Python code gave."""

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
    """`column glob pattern`: `*` any characters, `?` one, `[a-c]` one of these, `[^a-c]` one but these."""

    column: Column
    pattern: Value


@dataclass(frozen=True, slots=True)
class IsNull:
    """`column is null`."""

    column: Column


@dataclass(frozen=True, slots=True)
class Not:
    """True where the condition is false."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """True where all are."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where any is."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Comparison | OneOf | Matches | IsNull | Not | And | Or
