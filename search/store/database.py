"""The SQLite connection of a catalog, shared by all of its tables."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from search.errors import DamagedFileError, IndexClosedError
from search.files.disk_errors import disk_errors_named
from search.store.opening import damage_named
from search.store.seal import BUILD_AGAIN
from search.store.values import unsound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

PAGE = 2_000
"""Rows per page of a long result, so that not all pictures are in memory at once."""


class Database:
    """One connection behind a lock; checks the rows that it reads, and names the file in errors. Thread-safe."""

    def __init__(self, connection: sqlite3.Connection, file: Path, version: int) -> None:
        """Wrap an open connection to a file that holds a catalog of this version."""
        self.file = file
        self.version = version
        self.lock = threading.RLock()
        self._opened: sqlite3.Connection | None = connection
        # File names need not be UTF-8. They are bound as bytes, stored as text, and decoded as Python decodes names.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self.lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection; use it within `lock`.

        Raises:
            IndexClosedError: it is closed.
        """
        if self._opened is None:
            raise IndexClosedError(f"{self.file.parent}: was closed before it was used. Open the index again")
        return self._opened

    def rows(self, sql: str, values: Sequence[Any] = (), letters: str = "") -> list[Any]:
        """Run a query and return its rows; `letters` names the type of each column (`search.store.values`) to check.

        Raises:
            DamagedFileError: SQLite cannot read the rows, or a value has the wrong type.
        """
        with self.lock, damage_named(self.file):
            rows = self.connection.execute(sql, values).fetchall()
        if letters and (problem := unsound(rows, letters)):
            raise self._wrong(problem)
        return rows

    def pages(self, sql: str) -> Iterator[list[Any]]:
        """Run a query and return its rows, one page at a time."""
        with self.lock, damage_named(self.file):
            cursor = self.connection.execute(sql)
        while True:
            with self.lock, damage_named(self.file):
                page = cursor.fetchmany(PAGE)
            if not page:
                return
            yield page

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row of values."""
        with self.lock, damage_named(self.file):
            self.connection.executemany(sql, values)

    def change(self, sql: str) -> None:
        """Run one statement that begins or ends a transaction; a failure is an error of the disk, not damage."""
        with self.lock, disk_errors_named(self.file):
            self.connection.execute(sql)

    @contextmanager
    def values_named(self) -> Iterator[None]:
        """Turn a ValueError about a stored value into a DamagedFileError that names the file."""
        try:
            yield
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _wrong(self, problem: str) -> DamagedFileError:
        return DamagedFileError(self.file, f"damaged ({problem})", BUILD_AGAIN)


def as_text(value: str) -> bytes:
    """Encode text for SQLite; bytes of file names that are not UTF-8 are kept."""
    return value.encode("utf-8", "surrogateescape")
