"""Text for people: any terminal can print it, and one line stays one line."""

from __future__ import annotations


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


def megabytes(size: int) -> str:
    """A size in bytes for people, in units of 1024^2, with two figures at least."""
    return f"{size / 2**20:.{1 if size >= 2**20 else 3}f} MiB"


_LONGEST_SHOWN = 40
"""Characters of a value of metadata in `info`."""


def short(value: object) -> str:
    """A value of metadata, cut to 40 characters."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
