"""What may be wrong with a filter that matches no picture: the values perhaps meant, and columns without any."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from search.filters.conditions import And, Column, Comparison, IsNull, Matches, Not, OneOf, Or, Value, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from search.filters.conditions import Condition


class Values(Protocol):
    """What is asked about the values of an index: an open engine, or the records of a store."""

    def count(self, condition: Condition | None = None, /) -> int:
        """Number of pictures that match a condition."""

    def labels(self) -> Mapping[str, int]:
        """Label -> number of pictures."""

    def columns(self) -> Mapping[str, str]:
        """Name -> type of the columns of metadata."""

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` distinct values of a column of text."""


MOST_VALUES = 5_000
"""Most different values of a column that are compared; nothing is suggested for a column with more."""
_LONGEST = 200
"""Longest value in characters that is compared: the time grows with the product of the lengths."""
_ALIKE = 0.6
"""Least ratio of `difflib` at which a value is suggested."""
_NAMED = 3


def nothing_matches(known: Values, condition: Condition | None, text: str) -> str | None:
    """A message that a filter, shown as `text`, matches nothing, and perhaps why; None if it matches something."""
    if condition is None or known.count(condition):
        return None
    hints = [*nearest_values(known, condition), *_empty_columns(known, condition)]
    return "; ".join([f"no picture matches {text}".rstrip(), *hints])


def nearest_values(known: Values, condition: Condition) -> list[str]:
    """For values of a filter that no picture has, the most similar existing ones: `nearest label: butterfly`.

    Only text is compared: the label, and columns of metadata with few different values.
    """
    hints: dict[str, None] = {}
    for name, value in _equalities(condition):
        if len(hints) < _NAMED and (similar := _nearest(value, _values(known, name))) is not None:
            hints[f"nearest {name}: {similar}"] = None
    return list(hints)


def _empty_columns(known: Values, condition: Condition) -> list[str]:
    """Columns of a filter in which no picture has a value: `no picture has any taken`."""
    names = dict.fromkeys(each.column.name for each in _parts(condition))
    return [f"no picture has any {name}" for name in names if not known.count(Not(IsNull(Column(name))))]


def _equalities(condition: Condition) -> Iterator[tuple[str, str]]:
    """Column and text of each `=` and `in`."""
    for each in _parts(condition):
        if isinstance(each, OneOf) or (isinstance(each, Comparison) and each.operator == "="):
            values = each.values if isinstance(each, OneOf) else (each.value,)
            yield from ((each.column.name, text) for text in map(_text, values) if text is not None)


def _parts(condition: Condition) -> Iterator[Comparison | OneOf | Matches]:
    """The parts of a filter that ask for a value; those under a `not` are skipped, as they do not ask for one."""
    waiting = [condition]
    while waiting:
        each = waiting.pop()
        if isinstance(each, And | Or):
            waiting += reversed(each.conditions)
        elif isinstance(each, Comparison | OneOf | Matches):
            yield each


def _text(value: Value) -> str | None:
    given = value.given.text if isinstance(value.given, Word) else value.given
    return given if isinstance(given, str) and len(given) <= _LONGEST else None


def _values(known: Values, name: str) -> list[str]:
    if name == "label":
        values = list(known.labels())
    elif known.columns().get(name) == "text":
        values = known.texts(name, MOST_VALUES + 1)
    else:
        values = []
    return [] if len(values) > MOST_VALUES else [each for each in values if len(each) <= _LONGEST]


def _nearest(value: str, known: list[str]) -> str | None:
    """The most similar value, compared without case; None if the value itself exists or none is similar."""
    if value in known:
        return None
    by_lower = {each.casefold(): each for each in reversed(known)}
    matches = get_close_matches(value.casefold(), by_lower, n=1, cutoff=_ALIKE)
    return by_lower[matches[0]] if matches else None


NOTHING_SAME = "nothing here shows the same thing"
