"""An append-only CSV, written and synced row by row: a logged row survives a kill and a power failure."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from typing import TYPE_CHECKING

from search.errors import DamagedFileError, DataError
from search.files.reading import require_regular
from search.files.writing import open_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_FORMULA = ("=", "+", "-", "@")
"""Characters that begin a formula in a spreadsheet: cells that begin with one get an apostrophe before it.
Source: OWASP, "CSV Injection"."""
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class CsvLog:
    """A log with fixed columns and one line per row."""

    def __init__(self, file: Path, columns: tuple[str, ...]) -> None:
        """Open the log, or create it.

        Raises:
            DataError: the file cannot be written, or has other columns.
        """
        self.file = file
        self.columns = columns
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._drop_unfinished_row()
            if not file.exists() or file.stat().st_size == 0:
                self._append(columns)
            header = next(_lines(file), [])
        except OSError as error:
            raise DataError(f"{file}: cannot be used as a log ({error.strerror})") from error
        except csv.Error as error:
            raise DataError(f"{file}: is another kind of file ({error}). Name another log") from error
        _check_header(file, header, columns)

    def rows(self) -> Iterator[dict[str, str]]:
        """All rows as they were added, oldest first; rows of another length are skipped."""
        lines = _lines(self.file)
        next(lines)
        return _rows_of(lines, self.columns)

    def add(self, **values: str) -> None:
        """Append one row; control characters become escapes."""
        self.add_together([values])

    def add_together(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Append rows in one write, so that a killed process leaves all of them or none."""
        self._append(*(tuple(_harmless(escape_controls(row[column])) for column in self.columns) for row in rows))

    def _append(self, *rows: tuple[str, ...]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        with open_own(self.file, append=True) as stream:
            stream.write(text.getvalue().encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())

    def _drop_unfinished_row(self) -> None:
        """Remove the unfinished last row of a killed process; a complete row ends with a newline."""
        if not os.path.lexists(self.file):
            return
        with open_own(self.file) as stream:
            data = stream.read()
            first, newline, _ = data.partition(b"\n")
            own = next(csv.reader([first.decode("utf-8", "surrogateescape")]), [])
            if tuple(own) == self.columns and newline:
                stream.truncate(data.rfind(b"\n") + 1)
            elif not newline and ",".join(self.columns).encode().startswith(data):
                stream.truncate(0)


def read_rows(file: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a log as it was written, while it may be in use; nothing is written. An unfinished last row is left out.

    Raises:
        DataError: the file cannot be read, or has other columns.
    """
    try:
        require_regular(file)
        lines = _lines(file)
        _check_header(file, next(lines, []), columns)
        return list(_rows_of(lines, columns))
    except DamagedFileError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}). Name the log of twinlens attend") from error
    except csv.Error as error:
        raise DataError(f"{file}: is another kind of file ({error}). Name another log") from error


def _check_header(file: Path, header: Sequence[str], columns: tuple[str, ...]) -> None:
    if tuple(header) != columns:
        raise DataError(
            f"{file}: is another kind of file: its first line is {','.join(header)!r}, not {','.join(columns)!r}."
            " Name another log"
        )


def _lines(file: Path) -> Iterator[list[str]]:
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        yield from csv.reader(stream)


def _rows_of(lines: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for cells in lines:
        if len(cells) == len(columns):
            yield {key: _unescaped(cell) for key, cell in zip(columns, cells, strict=True)}


def escape_controls(text: str) -> str:
    """Replace control characters, including newlines, by escapes.

    Unlike `search.text.one_line`, which is for terminals, this keeps the bytes of file names that are not UTF-8: when a
    run continues, it compares the rows with the files of the folder.
    """
    return "".join(ascii(c)[1:-1] if is_control(c) else c for c in text)


def is_control(character: str) -> bool:
    """Whether a character breaks lines, controls a terminal, or changes the direction of the text after it.

    `str.isprintable` would also reject zero-width joiners, which Persian and Sinhala names need, and letters and emoji
    newer than Python's tables.
    """
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"} or character in _DIRECTIONS


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell
