"""A filter that matches no picture: why, in one sentence, and the value that was perhaps meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from search.filters.conditions import And, Comparison, Not, OneOf, Or, Value, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from search.filters.conditions import Condition
    from search.store.catalog import Catalog

MOST_VALUES = 5_000
"""Different values of a column among which the nearest is looked for; of more, none is named."""
_LONGEST = 200
"""Characters of a value that are compared: the work grows with their product."""
_ALIKE = 0.6
"""Least ratio of `difflib` at which a value is named."""
_NAMED = 3


def nothing_matches(catalog: Catalog, condition: Condition | None, text: str) -> str | None:
    """Say that a filter, shown as `text`, matches nothing, with the nearest values; None where it matches something."""
    if condition is None or catalog.pictures.count_where(condition):
        return None
    return "; ".join([f"no picture matches {text}".rstrip(), *nearest_values(catalog, condition)])


def nearest_values(catalog: Catalog, condition: Condition) -> list[str]:
    """For values of a filter that no picture has, the most similar ones: `nearest label: butterfly`.

    Only text is compared: the label, and columns of metadata with few different values.
    """
    hints: dict[str, None] = {}
    for name, value in _equalities(condition):
        if len(hints) < _NAMED and (near := _nearest(value, _values(catalog, name))) is not None:
            hints[f"nearest {name}: {near}"] = None
    return list(hints)


def _equalities(condition: Condition) -> Iterator[tuple[str, str]]:
    """Column and text of each `=` and `in`; what stands under a `not` excludes nothing that could be meant."""
    waiting = [condition]
    while waiting:
        each = waiting.pop()
        if isinstance(each, And | Or):
            waiting += reversed(each.conditions)
        elif not isinstance(each, Not):
            values = each.values if isinstance(each, OneOf) else ()
            if isinstance(each, Comparison) and each.operator == "=":
                values = (each.value,)
            yield from ((each.column.name, text) for text in map(_text, values) if text is not None)


def _text(value: Value) -> str | None:
    given = value.given.text if isinstance(value.given, Word) else value.given
    return given if isinstance(given, str) and len(given) <= _LONGEST else None


def _values(catalog: Catalog, name: str) -> list[str]:
    if name == "label":
        known = list(catalog.pictures.label_counts())
    elif catalog.metadata.columns().get(name) == "text":
        known = catalog.metadata.texts(name, MOST_VALUES + 1)
    else:
        known = []
    return [] if len(known) > MOST_VALUES else [each for each in known if len(each) <= _LONGEST]


def _nearest(value: str, known: list[str]) -> str | None:
    """The value that is most alike, whatever its capitals; None where one is the value itself, or none is alike."""
    if value in known:
        return None
    by_lower = {each.casefold(): each for each in reversed(known)}
    found = get_close_matches(value.casefold(), by_lower, n=1, cutoff=_ALIKE)
    return by_lower[found[0]] if found else None


NOTHING_SAME = "nothing here shows the same thing"
