"""Convert ISO 8601 dates and times to the form that the catalog stores: text that sorts chronologically.

A date is `2024-05-01`. A datetime is in UTC, `2024-05-01T13:30:00`, with a fraction of a second only if it is not zero,
and without trailing zeros. Input without a time zone counts as UTC, whatever the time zone of this machine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_PERIOD = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_LONGEST = 64
AFTER = "~"
"""Sorts after any continuation of a date prefix: every datetime in May is less than `2024-05~`."""


def date_text(text: str) -> str | None:
    """Return a date in the stored form; None if it is not a date."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def moment_text(text: str) -> str | None:
    """Return a datetime in the stored form; None if it is not a datetime."""
    if len(text) > _LONGEST or not _MOMENT.fullmatch(text):
        return None
    try:
        return stored_moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # 25 o'clock, or a time zone that leads outside the years 1 to 9999
        return None


def stored_moment(moment: datetime) -> str:
    """Convert a datetime to the stored form; raises OverflowError if its zone leads outside the years 1 to 9999."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    text = utc.replace(tzinfo=None).isoformat()
    return text.rstrip("0") if utc.microsecond else text


def read_moment(stored: str) -> datetime:
    """Read the stored form of a datetime, or of a date as its midnight, as a datetime in UTC."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def period(text: str) -> str | None:
    """Return a year, month or day (`2024`, `2024-05`, `2024-05-01`), a prefix of all its datetimes; else None."""
    if not _PERIOD.fullmatch(text):
        return None
    return None if date_text(text + "0001-01-01"[len(text) :]) is None else text
