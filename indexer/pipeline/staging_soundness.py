"""Check the tables of a staging file and the types of their values.

A staging file has no checksum. Its content can be embedded again, so a file that is not sound is deleted.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from search.store.schema import entries, entries_of

if TYPE_CHECKING:
    import sqlite3

_TYPES: dict[str, dict[str, tuple[str, ...]]] = {
    "looked_at": {
        "path": ("blob",),
        "bytes": ("integer",),
        "mtime_ns": ("integer",),
        "content": ("text",),
        "width": ("integer",),
        "height": ("integer",),
        "reason": ("text", "null"),
        "ctime_ns": ("integer", "null"),
        "inode": ("integer", "null"),
        "passing": ("integer", "null"),
    },
    "notes": {"path": ("blob",), "note": ("text",)},
    "vectors": {"content": ("text",), "width": ("integer",), "height": ("integer",), "vector": ("blob",)},
    "exif": {"content": ("text",), "taken": ("text", "null"), "camera": ("text", "null")},
}


def is_sound(connection: sqlite3.Connection, schema: str) -> bool:
    """Whether a staging file has exactly the tables of a schema, and values of the expected types."""
    return (
        entries(connection) == entries_of(schema)
        and all(_has_types(connection, table, columns) for table, columns in _TYPES.items())
        and _has_vectors(connection)
        and _has_moments(connection)
    )


def _has_types(connection: sqlite3.Connection, table: str, columns: dict[str, tuple[str, ...]]) -> bool:
    wrong = " OR ".join(
        f"typeof({name}) NOT IN ({', '.join(map(repr, types))})"
        if len(types) > 1
        else f"typeof({name}) <> {types[0]!r}"
        for name, types in columns.items()
    )
    paths = " OR instr(path, x'00')" if "path" in columns else ""
    return connection.execute(f"SELECT 1 FROM {table} WHERE {wrong}{paths} LIMIT 1").fetchone() is None


def _has_vectors(connection: sqlite3.Connection) -> bool:
    """Whether all vectors have one length, a multiple of four bytes."""
    lengths = connection.execute("SELECT DISTINCT length(vector) FROM vectors LIMIT 2").fetchall()
    return len(lengths) <= 1 and all(length > 0 and length % 4 == 0 for (length,) in lengths)


def _has_moments(connection: sqlite3.Connection) -> bool:
    try:
        for (taken,) in connection.execute("SELECT taken FROM exif WHERE taken IS NOT NULL"):
            datetime.fromisoformat(taken)
    except ValueError:
        return False
    return True
