"""Read a CSV with a header; delimiter, encoding and the case of its column names are recognised."""

from __future__ import annotations

import csv
import io
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters to try; of two that fit a header equally well, the first one is used."""
_DELIMITERS_NAMED = "Columns are separated by commas, semicolons, tabs or bars; name another one in a first line: sep=:"
LONGEST_LINE = 16 * 1024 * 1024
"""Most characters of a line."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN = 20
"""Most column names that an error lists."""


@dataclass(slots=True)
class CsvTable:
    """An open CSV, after its header."""

    file: Path
    names: list[str]
    """Columns in the order of the file; known columns have the spelling of the reader."""
    written: list[str]
    """The columns as spelled in the file, without spaces around them."""
    rows: Iterator[tuple[int, list[str]]]
    """The number of the last line of each row, and its cells; blank lines are left out."""

    def named(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Each row as column -> cell; missing cells of a short row are empty.

        Raises:
            DataError: a row has more cells than the header, as when a cell holds the delimiter without quotes.
        """
        for line, cells in self.rows:
            if len(cells) > len(self.names):
                raise DataError(
                    f"{self.file}, line {line}: has {len(cells)} cells, the header has {len(self.names)}. "
                    "Quote cells that hold the delimiter"
                )
            yield line, dict(zip(self.names, cells + [""] * (len(self.names) - len(cells)), strict=True))

    def require(self, *names: str) -> None:
        """Raise DataError unless the file has each of these columns exactly once."""
        if missing := [name for name in names if name not in self.names]:
            shown = ", ".join(map(repr, self.names[:_SHOWN])) or "none"
            hint = f". {_DELIMITERS_NAMED}" if len(self.names) == 1 else ""
            raise DataError(f"{self.file}: lacks the column {' and '.join(missing)} (its columns: {shown}){hint}")
        if twice := [name for name in names if self.names.count(name) > 1]:
            raise DataError(f"{self.file}: has the column {twice[0]!r} more than once. Rename one of them")


@contextmanager
def open_csv(file: Path, known: Iterable[str], *, kind: str = "a CSV") -> Iterator[CsvTable]:
    """Open a CSV with a header.

    The encoding is UTF-8 with or without a byte order mark, or UTF-16 with one. The delimiter is that of a first line
    `sep=;`, as Excel writes it, or the one of `DELIMITERS` that finds most of the known columns in the header. Known
    columns are recognised regardless of case and of spaces around the name.

    Args:
        file: the CSV.
        known: names of columns that the reader looks for.
        kind: description of the file for errors, such as "a CSV of labels".

    Raises:
        DataError: the file is missing, is not a regular file, has another encoding, or is not a CSV.
    """
    try:
        encoding = _encoding(file)
        with file.open(newline="", encoding=encoding) as stream:
            yield _table(file, stream, list(known))
    except UnicodeError as error:
        raise DataError(f"{file}: cannot be read as {kind}: is not UTF-8. Save it as CSV UTF-8") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read as {kind} ({error.strerror or error})") from error
    except csv.Error as error:
        raise DataError(f"{file}: cannot be read as {kind} ({error})") from error


def require_file(file: Path) -> None:
    """Raise OSError for a file that cannot be read twice, such as a pipe; opening a pipe would wait for a writer."""
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # for a folder, `open` raises an error that says so
        raise OSError("it is not a regular file, and must be read more than once. Save it to a file first")


def _encoding(file: Path) -> str:
    require_file(file)
    with file.open("rb") as stream:
        return "utf-16" if stream.read(2) in _UTF16 else "utf-8-sig"


def _table(file: Path, stream: TextIO, known: list[str]) -> CsvTable:
    lines = bounded_lines(file, stream)
    first = next(lines, "")
    skipped = 0
    named = _separator(first)
    if named is not None:
        first, skipped = next(lines, ""), 1
    while first and not first.strip():
        first, skipped = next(lines, ""), skipped + 1
    # A quoted name may hold a line break: the header continues until its quotes are closed.
    while first.count('"') % 2 and (more := next(lines, "")):
        first, skipped = first + more, skipped + 1
    headers = [(_header(first, each), each) for each in ([named] if named else DELIMITERS)]
    written, delimiter = max(headers, key=lambda header: (_count_known(header[0], known), len(header[0])))
    return CsvTable(file, _known(written, known), written, _rows(file, lines, delimiter, skipped + 1 if first else 0))


def _separator(line: str) -> str | None:
    text = line.strip().strip('"')
    if text[:4].lower() != "sep=":
        return None
    named = line.strip("\r\n").strip('"')[4:] or ","
    return {"\\t": "\t"}.get(named, named[0])


def _header(text: str, delimiter: str) -> list[str]:
    """Split a header into column names at one delimiter."""
    try:
        return [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    except csv.Error:
        return []


def _count_known(written: list[str], known: list[str]) -> int:
    return len(set(_known(written, known)) & set(known))


def _known(written: list[str], known: list[str]) -> list[str]:
    """Column names in the spelling of the known ones, unless another column already has that spelling."""
    spelled = {name.casefold(): name for name in known if name not in written}
    return [spelled.pop(name.casefold(), name) for name in written]


def _rows(file: Path, lines: Iterator[str], delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{file}, line {before + reader.line_num}: cannot be read as CSV ({error})") from error
        if cells is None:
            return
        if cells:
            yield before + reader.line_num, cells


def bounded_lines(file: Path, stream: TextIO) -> Iterator[str]:
    """Lines of a file; raises DataError for a line that is too long to keep in memory."""
    number = 0
    while text := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(text) > LONGEST_LINE:
            raise DataError(f"{file}, line {number}: longer than {LONGEST_LINE:,} characters")
        yield text
