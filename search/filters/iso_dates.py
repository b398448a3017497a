"""Dates and times as ISO 8601 writes them, in the one form that the catalog stores: text that sorts as time does.

A date is `2024-05-01`. A moment is in UTC, `2024-05-01T13:30:00`, with a fraction of a second only where it has one
and without the zeros at its end. What is said without a time zone is taken as UTC, wherever this machine stands.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_PERIOD = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_LONGEST = 64
AFTER = "~"
"""Sorts behind all that follows the beginning of a date: every moment of May is less than `2024-05~`."""


def date_text(text: str) -> str | None:
    """Return a date in the stored form; None for what is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def moment_text(text: str) -> str | None:
    """Return a date with a time in the stored form; None for what is none."""
    if len(text) > _LONGEST or not _MOMENT.fullmatch(text):
        return None
    try:
        return stored_moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # 25 o'clock, or a time zone that leads out of the years 1 to 9999
        return None


def stored_moment(moment: datetime) -> str:
    """Write a moment in the stored form; raises OverflowError where its zone leads out of the years 1 to 9999."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    whole = utc.replace(tzinfo=None).isoformat()
    return whole.rstrip("0") if utc.microsecond else whole


def read_moment(stored: str) -> datetime:
    """Read the stored form of a moment, or of a date as its midnight, as a datetime in UTC."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def period(text: str) -> str | None:
    """Return a year, month or day (`2024`, `2024-05`, `2024-05-01`), which begins all its moments; None for no such."""
    if not _PERIOD.fullmatch(text):
        return None
    return None if date_text(text + "0001-01-01"[len(text) :]) is None else text
