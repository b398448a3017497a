"""Look up where vectors are stored: the segment and row of each picture, and of each content that was embedded."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from search.chunks import chunks
from search.store.database import PAGE
from search.store.records import EmbeddedRecord, PlacedRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from search.filters.conditions import Condition
    from search.store.database import Database
    from search.store.metadata import MetadataTable


def content_number(content: str) -> int:
    """CRC-32 of a content hash: tells whether the file of a picture has changed, in four bytes."""
    return zlib.crc32(content.encode())


class Places:
    """Reads segments and rows from the tables of pictures and tombstones."""

    def __init__(self, database: Database, metadata: MetadataTable) -> None:
        """Use the database of a catalog, and its metadata for filters."""
        self._metadata = metadata
        self._rows = database.rows

    def pages(self) -> Iterator[list[tuple[int, int]]]:
        """Segment and row of every picture, by ascending id of the pictures, one page at a time."""
        reached = 0
        sql = "SELECT id, segment, row FROM pictures WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._rows(sql, (reached, PAGE), letters="kkn"):
            yield [(segment, row) for _, segment, row in page]
            reached = page[-1][0]

    def numbered_pages(self) -> Iterator[list[tuple[int, int, int, int]]]:
        """Id, segment, row and `content_number` of every picture, by ascending id, one page at a time."""
        reached = 0
        sql = "SELECT id, segment, row, content FROM pictures WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._rows(sql, (reached, PAGE), letters="kkns"):
            yield [(key, segment, row, content_number(content)) for key, segment, row, content in page]
            reached = page[-1][0]

    def of(self, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Id -> segment and row, for those of the given ids that a picture has."""
        places: dict[int, tuple[int, int]] = {}
        valid = [key for key in ids if 0 < key < 2**63]
        for chunk in chunks(valid):
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT id, segment, row FROM pictures WHERE id IN ({marks})"
            for key, segment, row in self._rows(sql, chunk, letters="kkn"):
                places[key] = (segment, row)
        return places

    def records(self, *, after: int = 0, limit: int = -1, shared: bool = False) -> list[PlacedRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id, with the place of their vectors.

        With `shared`, only pictures whose content another picture has too.
        """
        several = "AND content IN (SELECT content FROM pictures GROUP BY content HAVING count(*) > 1)" if shared else ""
        sql = "SELECT id, content, segment, row, width * height, bytes FROM pictures"
        rows = self._rows(f"{sql} WHERE id > ? {several} ORDER BY id LIMIT ?", (after, limit), letters="ksknnn")
        return [PlacedRecord(*row) for row in rows]

    def of_contents(self, contents: Sequence[str]) -> dict[str, EmbeddedRecord]:
        """Content hash -> a row with its vector, of a picture or a tombstone; contents without a vector are skipped."""
        columns = "content, segment, row, width, height"
        records: dict[str, EmbeddedRecord] = {}
        for chunk in chunks(contents):
            for table in ("tombstones", "pictures"):
                marks = ",".join("?" * len(chunk))
                rows = self._rows(f"SELECT {columns} FROM {table} WHERE content IN ({marks})", chunk, letters="sknww")
                records.update((row[0], EmbeddedRecord(*row)) for row in rows)
        return records

    def rows_where(self, segment: int, condition: Condition) -> list[int]:
        """Rows of one segment whose picture matches a condition, ascending; raises QueryError if it is invalid."""
        return self._metadata.numbers("pictures.row", condition, "pictures.segment = ?", (segment,))

    def rows_with_picture(self, segment: int) -> list[int]:
        """Rows of a segment that have a picture."""
        return [row for (row,) in self._rows("SELECT row FROM pictures WHERE segment = ?", (segment,), letters="i")]

    def count_between(self, segment: int, rows: range) -> int:
        """Number of pictures in a range of rows of a segment."""
        sql = "SELECT count(*) FROM pictures WHERE segment = ? AND row >= ? AND row < ?"
        return int(self._rows(sql, (segment, rows.start, rows.stop))[0][0])
