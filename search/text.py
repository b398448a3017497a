"""Format text, times and sizes for output; the text is safe to print on any terminal."""

from __future__ import annotations

import html
from datetime import UTC, datetime


def printable(text: str) -> str:
    """Replace control characters, and bytes of file names that are not UTF-8, by escapes; newlines stay.

    Zero-width joiners stay too: Persian and Sinhala names are not readable without them.
    """
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "".join(
        c if c.isprintable() or c in "\n\u200c\u200d" else c.encode("unicode_escape").decode() for c in shown
    )


def one_line(text: str) -> str:
    """As `printable`, with newlines escaped too: a line break in a file name must not forge a line of output."""
    return printable(text).replace("\n", "\\n")


def html_line(text: str) -> str:
    """As `one_line`, escaped for HTML text and attributes."""
    return html.escape(one_line(text), quote=True)


def without_controls(text: str) -> str:
    """Replace each unprintable character by a space, so that the length and the positions of characters stay."""
    return "".join(c if c.isprintable() else " " for c in text)


def reason_of(error: Exception) -> str:
    """The message of an error on one line; the name of its type if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def utc_now() -> str:
    """The current time as files and catalogs store it: ISO 8601, UTC, in seconds."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Format a time as `utc_now` does."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def utc_today() -> str:
    """The current date: ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()


def counted(number: int, noun: str) -> str:
    """Format a number of things: `1 picture`, `2 pictures`, `1,000 pictures`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def megabytes(size: int) -> str:
    """Format a size in bytes in units of 1024^2, with one decimal, or three below 1 MiB."""
    return f"{size / 2**20:.{1 if size >= 2**20 else 3}f} MiB"


_LONGEST_SHOWN = 40
"""Most characters of a metadata value that are shown."""


def short(value: object) -> str:
    """Format a metadata value, cut to 40 characters."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
