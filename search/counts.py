"""Counts that a caller gives: whole numbers within bounds, checked before anything is allocated for them."""

from __future__ import annotations

from search.errors import QueryError

_LONGEST = 60
"""Characters of a wrong value in an error."""


def check_count(name: str, value: object, *, least: int = 1, most: int | None = None) -> None:
    """Raise QueryError unless `value` is a whole number from `least` to `most`; True is none, and 3.0 is none."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise QueryError(f"{name} must be a whole number of at least {least}, not {shown(value)}")
    if most is not None and value > most:
        raise QueryError(f"{name} can be {most:,} at most, not {shown(value)}")


def shown(value: object) -> str:
    """A value in an error, whatever its length."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
