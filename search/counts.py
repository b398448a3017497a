"""Check counts, ids and other numbers from a caller, before memory is allocated for them."""

from __future__ import annotations

import math
import operator

from search.errors import QueryError

_LONGEST = 60
"""Maximum length in characters of an invalid value in an error message."""


def check_count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return a Python or NumPy integer from `least` to `most`; raise QueryError otherwise, also for True and 3.0."""
    number = _whole(value)
    if number is None or number < least:
        raise QueryError(f"{name} must be a whole number of at least {least}, not {shown(value)}")
    if most is not None and number > most:
        raise QueryError(f"{name} must be at most {most:,}, not {shown(value)}")
    return number


def check_range(name: str, value: object, most: float) -> float:
    """Return a number from 0 to `most` as a float; raise QueryError otherwise, also for True and NaN."""
    try:
        number = math.nan if isinstance(value, bool | str | bytes) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= most:
        raise QueryError(f"{name} must be a number from 0 to {most:g}, not {shown(value)}")
    return number


def picture_number(value: object) -> int:
    """Return a picture id as a Python integer, whether it exists or not; raise QueryError if it is not an integer."""
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
    """Represent a value in an error message, abbreviated if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python does not format integers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
