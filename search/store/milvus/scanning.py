"""Evaluate a part of a filter that Milvus cannot express, over all values of its column, by SQLite as in a folder."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from search.errors import UnsupportedError
from search.filters.sql import SqlColumn, to_sql
from search.store.milvus.layout import path_of

if TYPE_CHECKING:
    from search.store.milvus.connection import Connection
    from search.store.milvus.expressions import Leaf
    from search.store.milvus.layout import Field

MOST_SCANNED = 2_000_000
"""Most pictures whose values are read for one filter."""
_AT_ONCE = 10_000


def matching(connection: Connection, collection: str, leaf: Leaf, field: Field) -> list[int]:
    """Ids of the pictures that match, ascending.

    Raises:
        UnsupportedError: the collection holds too many pictures to read a value of each.
    """
    name, read = leaf.column.name, 0
    fields = ["path", "path_bytes"] if field.name == "path" else [field.name]
    expression = f"{field.name} is not null" if field.nullable else ""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE known (id INTEGER PRIMARY KEY, value)")
        mark = "CAST(? AS TEXT)" if field.type in ("text", "date", "datetime") else "?"
        for page in connection.pages(collection, expression, fields, _AT_ONCE):
            database.executemany(
                f"INSERT INTO known VALUES (?, {mark})", ((row["id"], _value(row, field)) for row in page)
            )
            read += len(page)
            if read > MOST_SCANNED:
                raise UnsupportedError(
                    f"{connection.address}: Milvus cannot compare {name} in this way, and Twinlens compares at most"
                    f" {MOST_SCANNED:,} pictures in its place. Use =, <, in, or glob with one * at the end"
                )
        sql = to_sql(leaf, {name: SqlColumn("value", field.type)})
        return [key for (key,) in database.execute(f"SELECT id FROM known WHERE {sql.text} ORDER BY id", sql.values)]


def _value(row: dict[str, Any], field: Field) -> Any:
    if field.name == "path":
        return os.fsencode(path_of(row))
    value = row[field.name]
    return value.encode() if isinstance(value, str) else value
