"""Where a build keeps what it embedded until its one commit, so that a killed build goes on where it stopped.

A SQLite file beside the catalog. Pictures are staged in the order of the scan and only at the ends of batches: what
is staged is always a prefix of the work, so a resumed build forms the very batches that an uninterrupted one does.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.picture_exif import NO_EXIF, PictureExif

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from search.types import Floats

STAGING_NAME = "staging.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS encoder (fingerprint TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS looked_at (
    path BLOB PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, content TEXT, width INTEGER, height INTEGER, reason TEXT
);
CREATE TABLE IF NOT EXISTS vectors (content TEXT PRIMARY KEY, width INTEGER, height INTEGER, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS exif (content TEXT PRIMARY KEY, taken TEXT, camera TEXT);
"""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What reading one file gave: its content hash and size in pixels, or the reason why it could not be read."""

    path: Path
    bytes: int
    mtime_ns: int
    content: str = ""
    width: int = 0
    height: int = 0
    reason: str | None = None
    exif: PictureExif = NO_EXIF
    """Staged by content, and given back by `Staging.exif`."""


class Staging:
    """The staging file of one build with one encoder."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open what an earlier build with this encoder left, or start anew."""
        self._file = folder / STAGING_NAME
        try:
            self._connection = self._open()
            known = {row[0] for row in self._connection.execute("SELECT fingerprint FROM encoder")}
        except sqlite3.DatabaseError:  # cut by a power failure: it only ever held what can be embedded again
            known = {"unreadable"}
        if known and known != {fingerprint}:
            self.discard()
            self._connection = self._open()
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO encoder VALUES (?)", (fingerprint,))

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        return connection

    def add(self, files: Sequence[LookedAt], vectors: Iterable[tuple[LookedAt, Floats]]) -> None:
        """Stage one batch, whole or not at all."""
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO looked_at VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((os.fsencode(f.path), f.bytes, f.mtime_ns, f.content, f.width, f.height, f.reason) for f in files),
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

    def looked_at(self) -> dict[Path, LookedAt]:
        """Every file staged so far, by path."""
        rows = self._connection.execute("SELECT path, bytes, mtime_ns, content, width, height, reason FROM looked_at")
        return {(path := Path(os.fsdecode(row[0]))): LookedAt(path, *row[1:]) for row in rows}

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Content hash -> (width, height) of every staged vector."""
        return {
            row[0]: (row[1], row[2]) for row in self._connection.execute("SELECT content, width, height FROM vectors")
        }

    def exif(self) -> dict[str, PictureExif]:
        """Content hash -> what its EXIF says, for every staged file whose EXIF says anything."""
        rows = self._connection.execute("SELECT content, taken, camera FROM exif")
        return {row[0]: PictureExif(row[1] and datetime.fromisoformat(row[1]), row[2]) for row in rows}

    def vector(self, content: str) -> Floats | None:
        """The staged embedding of a content hash, `(dim,) float32`, or None."""
        row = self._connection.execute("SELECT vector FROM vectors WHERE content = ?", (content,)).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype=np.float32)

    def close(self) -> None:
        """Keep the file for the next build."""
        self._connection.close()

    def discard(self) -> None:
        """Delete the file: its content was committed, or belongs to another encoder."""
        if hasattr(self, "_connection"):
            self._connection.close()
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(STAGING_NAME + suffix).unlink(missing_ok=True)
