"""The pictures and metadata of a Milvus collection, as the contract of a store has them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from search.chunks import chunks
from search.errors import QueryError
from search.filters.columns import BUILT_IN
from search.filters.sql import SqlColumn, to_sql
from search.store.milvus.expressions import to_expression
from search.store.milvus.layout import (
    RECORD_FIELDS,
    Field,
    filter_fields,
    metadata_fields,
    metadata_of,
    path_of,
    record_of,
    value_of,
)
from search.store.milvus.scanning import matching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.conditions import Condition
    from search.store.milvus.connection import Connection
    from search.store.records import PictureRecord

AT_ONCE = 1_000
"""Entities read at once: an entity has at most some kilobytes, and a vector."""
_IDS_AT_ONCE = 10_000


class MilvusRecords:
    """Reads one collection: see `search.store.contract.Records`."""

    def __init__(self, connection: Connection, collection: str, columns: Mapping[str, ColumnType]) -> None:
        """Read the entities of a collection, with these columns of metadata."""
        self._connection = connection
        self._collection = collection
        self._columns = dict(columns)
        self.fields = metadata_fields(columns)
        """Column of metadata -> field."""
        self._filtered = filter_fields(columns)

    def check(self, condition: Condition) -> None:
        """Raise QueryError if a condition is invalid: exactly if it is for a folder."""
        to_sql(condition, {name: SqlColumn(field.name, field.type) for name, field in self._filtered.items()})

    def expression(self, condition: Condition | None) -> str:
        """A condition as an expression of Milvus; empty for all pictures."""
        if condition is None:
            return ""
        self.check(condition)
        return to_expression(
            condition, self._filtered, lambda leaf, field: matching(self._connection, self._collection, leaf, field)
        )

    def count(self, condition: Condition | None = None) -> int:
        """Number of pictures that match a condition."""
        return self.count_expression(self.expression(condition))

    def count_expression(self, expression: str) -> int:
        """Number of pictures that match an expression of Milvus."""
        found = self._connection.read("query", self._collection, filter=expression, output_fields=["count(*)"])
        return int(found[0]["count(*)"])

    def ids(self, condition: Condition | None = None) -> list[int]:
        """Ids of the pictures that match a condition, ascending."""
        pages = self._connection.pages(self._collection, self.expression(condition), [], _IDS_AT_ONCE)
        return [row["id"] for page in pages for row in page]

    def get(self, picture_id: int) -> PictureRecord | None:
        """The picture with an id; None if there is none."""
        records = self.of([picture_id])
        return records[0] if records else None

    def of(self, ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; unknown ids are skipped."""
        return sorted(map(record_of, self.rows_of(ids, RECORD_FIELDS)), key=lambda record: record.id)

    def page(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; -1 for all."""
        records: list[PictureRecord] = []
        for page in self._pages(RECORD_FIELDS, after) if limit else ():
            records += map(record_of, page)
            if 0 <= limit <= len(records):
                return records[:limit]
        return records

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures, in the order of a catalog."""
        counted: Counter[str] = Counter(row["label"] for row in self._valued(self._filtered["label"], ["label"]))
        return {label: counted[label] for label in sorted(counted)}

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata."""
        return dict(self._columns)

    def metadata(self, ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values."""
        if not self.fields:
            return {}
        rows = self.rows_of(ids, [field.name for field in self.fields.values()])
        return {row["id"]: values for row in rows if (values := metadata_of(row, self.fields))}

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column."""
        if column == "path":
            return {row["id"]: str(path_of(row)) for page in self._pages(["path", "path_bytes"], 0) for row in page}
        if (field := self._filtered.get(column)) is None:
            raise QueryError(f"there is no column {column!r} (columns: {', '.join([*BUILT_IN, *self._columns])})")
        return {row["id"]: value_of(column, row[field.name], field.type) for row in self._valued(field, [field.name])}

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` distinct values of a column of text, sorted."""
        field, found = self.fields[column], dict[str, None]()
        for row in self._valued(field, [field.name]):
            found[row[field.name]] = None
            if len(found) == most:
                break
        return sorted(found)

    def rows_of(self, ids: Sequence[int], fields: Sequence[str]) -> list[Any]:
        """The entities with the given ids, in any order; unknown ids are skipped."""
        valid, rows = list(dict.fromkeys(key for key in ids if 0 < key < 2**63)), []
        for chunk in chunks(valid, AT_ONCE):
            rows += self._connection.read(
                "query", self._collection, filter=f"id in [{', '.join(map(str, chunk))}]", output_fields=["id", *fields]
            )
        return rows

    def _pages(self, fields: Sequence[str], after: int) -> Iterator[list[Any]]:
        return self._connection.pages(self._collection, f"id > {after}" if after > 0 else "", fields, AT_ONCE)

    def _valued(self, field: Field, fields: Sequence[str]) -> Iterator[Any]:
        """The entities with a value of a field."""
        expression = f"{field.name} is not null" if field.nullable else ""
        for page in self._connection.pages(self._collection, expression, fields, _IDS_AT_ONCE):
            yield from page
