"""What a writer asks of the catalog: the few pictures that a change concerns, never all of them at once.

Every list is asked for in chunks, and every long answer comes in pages, so that memory depends on the change and not on
the size of the index. Paths are compared by their bytes, which is how SQLite orders them too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.records import EmbeddedRecord, PictureRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

IN_CHUNK = 500
"""Values bound in one `IN (...)`: SQLite's oldest limit is 999."""
PAGE = 2_000
"""Rows of a page of a long answer."""
_PICTURE = "id, path, content, bytes, mtime_ns, width, height, label, segment, row"
_EMBEDDED = "content, segment, row, width, height"


class Lookups:
    """Questions to one catalog, asked by way of the function that reads rows from it."""

    def __init__(self, rows: Callable[[str, Sequence[Any]], list[Any]]) -> None:
        self._rows = rows

    def at(self, paths: Sequence[Path]) -> dict[Path, PictureRecord]:
        """Path -> picture, for those of the paths that have one."""
        keys = [os.fsencode(path) for path in paths]
        found = self._among("path IN ({marks})", keys, mark="CAST(? AS TEXT)")
        return {record.path: record for record in found}

    def showing(self, contents: Sequence[str]) -> Iterator[PictureRecord]:
        """Every picture of these contents, by ascending id within a chunk."""
        return self._among("content IN ({marks}) ORDER BY id", contents)

    def below(self, folder: Path) -> Iterator[PictureRecord]:
        """Every picture below a folder, or at this very path, by path; read page by page."""
        if at := self.at([folder]):
            yield at[folder]
        first, last = span(folder)
        reached = first
        clause = "WHERE path > CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path LIMIT ?"
        while page := self._pictures(clause, (reached, last, PAGE)):
            yield from page
            reached = os.fsencode(page[-1].path)

    def ids_below(self, folder: Path) -> list[int]:
        """Ids of the pictures below a folder, or at this very path."""
        sql = ("SELECT id FROM pictures WHERE path = CAST(? AS TEXT)"
               " OR (path > CAST(? AS TEXT) AND path < CAST(? AS TEXT))")  # fmt: skip
        return [key for (key,) in self._rows(sql, (os.fsencode(folder), *span(folder)))]

    def paths(self) -> Iterator[tuple[int, str]]:
        """Id and path of every picture, by ascending id; read page by page."""
        reached = 0
        sql = "SELECT id, path FROM pictures WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._rows(sql, (reached, PAGE)):
            yield from page
            reached = page[-1][0]

    def paths_of(self, ids: Sequence[int]) -> list[Path]:
        """Paths of pictures, by ascending id within a chunk."""
        found: list[Path] = []
        for chunk, marks in _chunks(ids):
            sql = f"SELECT path FROM pictures WHERE id IN ({marks}) ORDER BY id"
            found += [Path(path) for (path,) in self._rows(sql, chunk)]
        return found

    def rows(self) -> Iterator[list[tuple[int, int]]]:
        """Segment and row of every picture, by ascending id of the pictures, a page at a time."""
        reached = 0
        sql = "SELECT id, segment, row FROM pictures WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._rows(sql, (reached, PAGE)):
            yield [(segment, row) for _, segment, row in page]
            reached = page[-1][0]

    def embedded(self, contents: Sequence[str]) -> dict[str, EmbeddedRecord]:
        """Content hash -> the row that holds its vector, of pictures and under tombstones alike."""
        found: dict[str, EmbeddedRecord] = {}
        for chunk, marks in _chunks(contents):
            for table in ("tombstones", "pictures"):
                for row in self._rows(f"SELECT {_EMBEDDED} FROM {table} WHERE content IN ({marks})", chunk):
                    found[row[0]] = EmbeddedRecord(*row)
        return found

    def _among(self, clause: str, values: Sequence[Any], mark: str = "?") -> Iterator[PictureRecord]:
        for chunk, marks in _chunks(values, mark):
            yield from self._pictures("WHERE " + clause.format(marks=marks), chunk)

    def _pictures(self, clause: str, values: Sequence[Any]) -> list[PictureRecord]:
        rows = self._rows(f"SELECT {_PICTURE} FROM pictures {clause}", values)
        return [PictureRecord(row[0], Path(row[1]), *row[2:]) for row in rows]


def span(folder: Path) -> tuple[bytes, bytes]:
    """The paths below a folder lie between these two, both left out."""
    start = os.fsencode(folder).rstrip(b"/") + b"/"
    return start, start[:-1] + b"0"  # the byte after the slash


def _chunks(values: Sequence[Any], mark: str = "?") -> Iterable[tuple[Sequence[Any], str]]:
    for start in range(0, len(values), IN_CHUNK):
        chunk = values[start : start + IN_CHUNK]
        yield chunk, ",".join([mark] * len(chunk))
