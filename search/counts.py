"""Counts that a caller gives: whole numbers within bounds, checked before anything is allocated for them."""

from __future__ import annotations

import operator

from search.errors import QueryError

_LONGEST = 60
"""Characters of a wrong value in an error."""


def check_count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """A whole number from `least` to `most`, of NumPy too; raises QueryError for all else, such as True and 3.0."""
    number = _whole(value)
    if number is None or number < least:
        raise QueryError(f"{name} must be a whole number of at least {least}, not {shown(value)}")
    if most is not None and number > most:
        raise QueryError(f"{name} can be {most:,} at most, not {shown(value)}")
    return number


def picture_number(value: object) -> int:
    """The id of a picture as a Python integer, be there such a picture or not; raises QueryError for no integer."""
    number = _whole(value)
    if number is None:
        raise QueryError(f"the id of a picture must be a whole number, not {shown(value)}")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def shown(value: object) -> str:
    """A value in an error, whatever its length."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
