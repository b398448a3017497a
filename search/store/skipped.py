"""The table of files that could not be read as pictures; they are not read again while they are unchanged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from search.store.database import as_text
from search.store.records import SkippedRecord
from search.store.values import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.store.database import Database


class SkippedTable:
    """One row per file, with the reason."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._rows, self._many = database.rows, database.many

    def records(self) -> list[SkippedRecord]:
        """All files that could not be read, sorted by path."""
        sql = "SELECT path, bytes, mtime_ns, reason FROM skipped ORDER BY path"
        rows = self._rows(sql, letters=kinds("skipped", "path", "bytes", "mtime_ns", "reason"))
        return [SkippedRecord(Path(path), *rest) for path, *rest in rows]

    def replace(self, skipped: Iterable[SkippedRecord], examined: Iterable[Path], below: Path | None = None) -> None:
        """Replace the rows of all examined files, and of all files below a folder, by these."""
        self._many("DELETE FROM skipped WHERE path = CAST(? AS TEXT)", ((os.fsencode(p),) for p in examined))
        if below is not None:
            start = os.fsencode(below).rstrip(b"/")
            self._many(
                "DELETE FROM skipped WHERE path > CAST(? AS TEXT) AND path < CAST(? AS TEXT)",
                [(start + b"/", start + b"0")],
            )
        self._many(
            "INSERT INTO skipped VALUES (CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))",
            ((os.fsencode(s.path), s.bytes, s.mtime_ns, as_text(s.reason)) for s in skipped),
        )
