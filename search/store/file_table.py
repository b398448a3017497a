"""The table of an index's files other than the catalog, with their sizes and checksums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.files.reading import require_inside_name
from search.store.records import BlockChecksums, FileRecord
from search.store.seal import FIRST_SEALED
from search.store.values import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.store.database import Database


class FileTable:
    """One row per file, and the checksums of its blocks."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._folder = database.file.parent
        self._with_blocks = database.version >= FIRST_SEALED
        self._rows, self._many = database.rows, database.many

    def records(self) -> list[FileRecord]:
        """All files, sorted by name."""
        rows = self._rows(
            "SELECT name, bytes, sha256 FROM files ORDER BY name", letters=kinds("files", "name", "bytes", "sha256")
        )
        for name, _, _ in rows:
            require_inside_name(self._folder, name)
        blocks: dict[str, BlockChecksums] = {}
        if self._with_blocks:
            digests = self._rows(
                "SELECT file, block_rows, crc32 FROM digests", letters=kinds("digests", "file", "block_rows", "crc32")
            )
            blocks = {file: BlockChecksums(step, crc32) for file, step, crc32 in digests}
        return [FileRecord(name, size, sha256, blocks.get(name)) for name, size, sha256 in rows]

    def add(self, files: Iterable[FileRecord]) -> None:
        """Add files, which are written and synced already."""
        named = list(files)
        self._many("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", ((f.name, f.bytes, f.sha256) for f in named))
        self._many(
            "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
            ((f.name, f.blocks.rows, f.blocks.crc32) for f in named if f.blocks is not None),
        )

    def drop(self, names: Iterable[str]) -> None:
        """Remove files from the table; the next writer deletes them from the disk."""
        self._many("DELETE FROM files WHERE name = ?", ((name,) for name in names))
