"""Read a file of metadata, CSV or JSON lines, in two passes: first the types of its columns, then its rows.

All types are known before the first row is stored, and only one line is in memory at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.csv_table import bounded_lines, open_csv, require_file
from indexer.metadata.cells import Cell, as_bytes, type_of, wider
from search.errors import DataError
from search.filters.columns import BUILT_IN, MOST_COLUMNS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from search.filters.columns import ColumnType

KEYS = ("path", "id")
"""Columns that name the picture of a row; the path is used if a row has both."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it ends on, the path or id of its picture, and its cells by column."""

    line: int
    key: str | int
    cells: dict[str, Cell]


@dataclass(slots=True)
class MetadataFile:
    """A metadata file, after a check of all its lines."""

    path: Path
    of_json: bool
    columns: dict[str, ColumnType | None] = field(default_factory=dict)
    """Name -> the narrowest type that holds all of its cells; None if all of them are empty."""
    ignored: set[str] = field(default_factory=set)
    """Columns of the file that have the name of a built-in column."""
    count: int = 0
    """Number of rows."""
    given: Sequence[dict[str, Any]] | None = None
    """The rows, where they are in memory; None for those of a file."""

    def rows(self) -> Iterator[Row]:
        """The rows, in the order of the file."""
        for line, cells in self.lines():
            named = {name: cell for name, cell in cells.items() if name in self.columns}
            yield Row(line, _key(self.path, line, cells), named)

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and all cells of each row."""
        if self.given is None:
            return _read(self.path, of_json=self.of_json)
        return ((number, _cells(row)) for number, row in enumerate(self.given, 1))


def metadata_of_rows(rows: Sequence[dict[str, Any]], name: str) -> MetadataFile:
    """Check rows in memory as `open_metadata` checks JSON lines; errors call them `name`. Raises as that."""
    return _checked(MetadataFile(Path(name), of_json=True, given=rows))


def open_metadata(file: str | os.PathLike[str]) -> MetadataFile:
    """Open a metadata file and check every line.

    A file that begins with { is read as JSON lines, any other as a CSV with a header. An empty cell, or null in JSON,
    removes a value; a column that a JSON line does not have is not changed.

    Raises:
        DataError: the file cannot be read as either, names no pictures, holds no rows, or has invalid columns.
    """
    path = Path(file)
    try:
        require_file(path)
        with path.open("rb") as stream:
            head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if head.startswith(b"["):
        raise DataError(f"{path}: is a JSON list. Write JSON lines: one object per line, without brackets around them")
    return _checked(MetadataFile(path, of_json=head.startswith(b"{")))


def _checked(metadata: MetadataFile) -> MetadataFile:
    """Check every line, and find the types of the columns."""
    path, types = metadata.path, metadata.columns
    for line, cells in metadata.lines():
        _key(path, line, cells)
        metadata.count += 1
        for name, cell in cells.items():
            if name in BUILT_IN:
                continue
            if name not in types:
                _check_name(path, line, name)
                if len(types) >= MOST_COLUMNS:
                    raise DataError(f"{path}, line {line}: more than {MOST_COLUMNS:,} columns")
            types[name] = wider(types.get(name), type_of(cell, of_json=metadata.of_json))
        metadata.ignored |= (cells.keys() & BUILT_IN.keys()) - ({"path"} if "path" in cells else {"id"})
    if not metadata.count:
        raise DataError(f"{path}: holds no rows")
    return metadata


def _read(path: Path, *, of_json: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and cells of each row."""
    if not of_json:
        yield from _csv_rows(path)
        return
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield from _json_rows(path, stream)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8. Save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_csv(path, KEYS) as table:
        names = table.names
        if "path" in names:  # a column ID, as of a shop, is then not the id of a picture
            names = [own if name == "id" else name for name, own in zip(names, table.written, strict=True)]
        if not set(KEYS) & set(names):
            raise DataError(f"{path}: has no column path or id that names the pictures (its columns: {_some(names)})")
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise DataError(f"{path}: has the column {twice[0]!r} more than once. Rename one of them")
        for line, cells in table.rows:
            if len(cells) != len(names):
                raise DataError(f"{path}, line {line}: has {len(cells)} cells, the header has {len(names)}")
            named = {name: cell if cell.strip() else None for name, cell in zip(names, cells, strict=True) if name}
            yield line, named


def _json_rows(path: Path, stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(bounded_lines(path, stream), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: is not JSON ({str(error)[:100]})") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: is not a JSON object ({{...}})")
        yield number, _cells(row)


def _cells(row: dict[str, Any]) -> dict[str, Cell]:
    return {name.strip(): _cell(value) for name, value in row.items()}


def _cell(value: Any) -> Cell:
    """A JSON value; lists and objects become JSON text, empty text becomes None."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return None if isinstance(value, str) and not value.strip() else value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _key(path: Path, line: int, cells: dict[str, Any]) -> str | int:
    """The path or id of the picture of a row."""
    where = cells.get("path")
    if isinstance(where, str):
        try:
            as_bytes(where)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: the path {where!a} {error}") from None
        return where
    number = cells.get("id")
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    if isinstance(number, str) and number.strip().isdecimal() and len(number.strip()) < 20:
        return int(number)
    named = "neither path nor id" if where is number is None else f"no path, and the id {number!r:.50}"
    raise DataError(f"{path}, line {line}: names no picture: {named}")


def _check_name(path: Path, line: int, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        name = ""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DataError(
            f"{path}, line {line}: {name!a:.120} cannot name a column: 1 to {_LONGEST_NAME} printable characters can"
        )


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, islice(names, 20))) or "none"
