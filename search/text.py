"""Text for people: any terminal can print it, and one line stays one line."""

from __future__ import annotations

from datetime import UTC, datetime


def printable(text: str) -> str:
    """Text that any terminal takes: bytes of a file name that are not UTF-8 become escapes, and so do controls.

    The joiners stay: Persian and Sinhala names are not readable without them.
    """
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "".join(
        c if c.isprintable() or c in "\n\u200c\u200d" else c.encode("unicode_escape").decode() for c in shown
    )


def one_line(text: str) -> str:
    """The same on one line: a file's name with a line break in it must not look like a line of ours."""
    return printable(text).replace("\n", "\\n")


def without_controls(text: str) -> str:
    """Text with a space for each character that does not print: its length, and so the place of each part, stays."""
    return "".join(c if c.isprintable() else " " for c in text)


def reason_of(error: Exception) -> str:
    """The message of an error on one line; the name of its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def utc_now() -> str:
    """The time as files and catalogs store it: ISO 8601, UTC, in seconds."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Any time, in the same form."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def utc_today() -> str:
    """The date: ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()


def megabytes(size: int) -> str:
    """A size in bytes for people, in units of 1024^2, with two figures at least."""
    return f"{size / 2**20:.{1 if size >= 2**20 else 3}f} MiB"


_LONGEST_SHOWN = 40
"""Characters of a value of metadata in `info`."""


def short(value: object) -> str:
    """A value of metadata, cut to 40 characters."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
