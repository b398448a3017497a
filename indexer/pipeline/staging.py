"""Store vectors that a command has embedded and not committed yet, so that a killed command can continue.

There is one SQLite file per encoder beside the catalog, so that embedding with a new encoder and adding with the
present one do not interfere. Pictures are staged in the order of the scan, a whole batch at a time: the staged files
are always a prefix of the work, so a resumed build forms the same batches as an uninterrupted one.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.pipeline.staging_soundness import is_sound
from search.chunks import BOUND_VALUES, chunks
from search.files.disk_errors import BUSY_SECONDS, busy_error, is_busy, is_of_the_disk
from search.files.reading import refuse_far_journal, refuse_irregular
from search.files.writing import is_regular, require_own_file
from search.pictures.exif import NO_EXIF, PictureExif
from search.store.owner import SIDES
from search.store.schema import harden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from search.store.catalog import Catalog
    from search.types import Floats

_PREFIX = "staging-"
_NAME = re.compile(rf"{_PREFIX}[0-9a-f]{{32}}\.sqlite")
"""With an encoder's fingerprint; other files of a similar name do not belong to Twinlens."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS looked_at (
    path BLOB PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, content TEXT, width INTEGER, height INTEGER, reason TEXT,
    ctime_ns INTEGER, inode INTEGER, passing INTEGER
);
CREATE TABLE IF NOT EXISTS vectors (content TEXT PRIMARY KEY, width INTEGER, height INTEGER, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS notes (path BLOB PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS exif (content TEXT PRIMARY KEY, taken TEXT, camera TEXT);
"""
_ADDED_COLUMNS = ("ctime_ns", "inode", "passing")
"""Columns of `looked_at` that files of older versions lack."""
_STAGED = ("bytes", "mtime_ns", "content", "width", "height", "reason", *_ADDED_COLUMNS)
"""Columns of `looked_at` after the path, and fields of `ReadResult`, in one order."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Result of reading one file: its content hash and size in pixels, or the reason why it could not be read."""

    path: Path
    bytes: int
    mtime_ns: int
    content: str = ""
    width: int = 0
    height: int = 0
    reason: str | None = None
    ctime_ns: int | None = None
    inode: int | None = None
    passing: bool | None = False
    """Whether the reason lies in the system and not in the file: the picture may be unchanged."""
    exif: PictureExif = NO_EXIF
    """Staged by content, and returned by `Staging.exif`."""
    note: str | None = None
    """A problem of a file that was read all the same; returned by `Staging.notes`."""


class Staging:
    """Vectors of one encoder that are not committed yet, and results of reading files. Any thread may read it."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the file of an earlier command with this encoder, or create one.

        Raises:
            IndexFolderError: the file, or one of SQLite's beside it, is a link.
            IndexBusyError: another program holds it.
        """
        self._file = _file(folder, fingerprint)
        for suffix in ("", *SIDES):
            require_own_file(self._file.with_name(self._file.name + suffix))
        refuse_irregular(folder, *(f"{self._file.name}{side}" for side in ("", *SIDES)))
        refuse_far_journal(self._file.with_name(f"{self._file.name}-journal"))
        self._lock = threading.Lock()
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if is_busy(error):
                raise busy_error(self._file, error) from error
            if is_of_the_disk(error):
                raise
            self.discard()  # damaged by a power failure: its content can be embedded again
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, check_same_thread=False, timeout=BUSY_SECONDS)
        try:
            harden(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            there = {row[1] for row in connection.execute("PRAGMA table_info(looked_at)")}
            for column in _ADDED_COLUMNS:
                if column not in there:
                    connection.execute(f"ALTER TABLE looked_at ADD COLUMN {column} INTEGER")
            if not is_sound(connection, _SCHEMA):
                raise sqlite3.DatabaseError("other tables or types than a staging file has")
        except BaseException:
            connection.close()
            raise
        return connection

    def add(self, files: Sequence[ReadResult], vectors: Iterable[tuple[ReadResult, Floats]]) -> None:
        """Stage one batch in one transaction."""
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO looked_at VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((os.fsencode(f.path), *(getattr(f, name) for name in _STAGED)) for f in files),
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?)", ((os.fsencode(f.path), f.note) for f in files if f.note)
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                ((f.content, f.width, f.height, vector.tobytes()) for f, vector in vectors),
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO exif VALUES (?, ?, ?)",
                (
                    (f.content, f.exif.taken and f.exif.taken.isoformat(), f.exif.camera)
                    for f in files
                    if f.exif != NO_EXIF
                ),
            )

    def results(self, paths: Sequence[Path]) -> dict[Path, ReadResult]:
        """Staged results of these files, by path."""
        sql = f"SELECT path, {', '.join(_STAGED)} FROM looked_at WHERE path IN"
        rows = self._among(sql, [os.fsencode(path) for path in paths])
        return {(path := Path(os.fsdecode(row[0]))): ReadResult(path, *row[1:]) for row in rows}

    def notes(self) -> list[tuple[Path, str]]:
        """Files that were read in spite of a problem, with the problem, by path."""
        with self._lock:
            rows = self._connection.execute("SELECT path, note FROM notes ORDER BY path").fetchall()
        return [(Path(os.fsdecode(path)), note) for path, note in rows]

    def forget_failures(self) -> None:
        """Forget which files could not be read, so that they are tried again."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM looked_at WHERE reason IS NOT NULL")

    def size(self, content: str) -> tuple[int, int] | None:
        """Width and height of a content whose vector is staged; None if it is not."""
        rows = list(self._among("SELECT width, height FROM vectors WHERE content IN", [content]))
        return tuple(rows[0]) if rows else None

    def exif(self, contents: Sequence[str]) -> dict[str, PictureExif]:
        """Content hash -> EXIF, for those of the contents that have any."""
        rows = self._among("SELECT content, taken, camera FROM exif WHERE content IN", contents)
        return {row[0]: PictureExif(row[1] and datetime.fromisoformat(row[1]), row[2]) for row in rows}

    def vectors(self, contents: Sequence[str]) -> dict[str, Floats]:
        """Content hash -> staged embedding `(dim,) float32`, for those of the contents that have one."""
        rows = self._among("SELECT content, vector FROM vectors WHERE content IN", contents)
        return {content: np.frombuffer(vector, dtype=np.float32) for content, vector in rows}

    def contents(self) -> Iterator[list[str]]:
        """All contents whose vectors are staged, a page at a time."""
        last = ""
        sql = "SELECT content FROM vectors WHERE content > ? ORDER BY content LIMIT ?"
        while page := self._connection.execute(sql, (last, BOUND_VALUES)).fetchall():
            yield [content for (content,) in page]
            last = page[-1][0]

    def close(self) -> None:
        """Keep the file for the next command."""
        self._connection.close()

    def discard(self) -> None:
        """Delete the file: its content was committed."""
        if hasattr(self, "_connection"):
            self._connection.close()
        _delete(self._file)

    def _among(self, sql: str, values: Sequence[str | bytes]) -> Iterator[tuple[Any, ...]]:
        for chunk in chunks(values):
            with self._lock:
                rows = self._connection.execute(f"{sql} ({','.join('?' * len(chunk))})", chunk).fetchall()
            yield from rows


def discard_committed(catalog: Catalog) -> None:
    """Delete what a command staged and committed before it was killed; keep what was not committed."""
    fingerprint = catalog.settings()["fingerprint"]
    if not _file(catalog.folder, fingerprint).exists():
        return
    staging = Staging(catalog.folder, fingerprint)
    if all(len(catalog.places.of_contents(page)) == len(page) for page in staging.contents()):
        staging.discard()
    else:
        staging.close()


def is_staging(path: Path) -> bool:
    """Whether a file of an index folder is a staging file."""
    return _NAME.fullmatch(path.name.removesuffix("-wal").removesuffix("-shm")) is not None


def discard_all(folder: Path) -> None:
    """Delete what was staged with any encoder."""
    for file in folder.glob(f"{_PREFIX}*.sqlite"):
        if is_staging(file) and is_regular(file):
            _delete(file)


def _file(folder: Path, fingerprint: str) -> Path:
    return folder / f"{_PREFIX}{fingerprint}.sqlite"


def _delete(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        side = file.with_name(file.name + suffix)
        if is_regular(side):
            side.unlink()
