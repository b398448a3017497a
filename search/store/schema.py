"""Compare the schema of a catalog with that of the migrations, before anything is read from its tables.

A hostile file may have a view in place of a table, which never ends; triggers, which run with the next commit of a
writer; or generated columns and indexes on expressions, which run functions. A catalog has none of them.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache

from search.store.migrations import MIGRATIONS, checked_version

Entry = tuple[str, str, str, str]
"""Type, name, table and SQL text of one entry of a schema."""

_COMMENT = re.compile(r"--[^\n]*")
_WIDE_TABLE = "metadata"
_ADDED_COLUMNS = re.compile(r"((?: , c[1-9][0-9]{0,17})*) \)")
"""Columns that ALTER TABLE adds after the last column of the wide table."""
_NAMED = 3
_TRIGGERS_DEEP = 8
"""Greatest depth of triggers; SQLite counts cascading deletions by foreign keys as triggers."""


def harden(connection: sqlite3.Connection) -> None:
    """Make SQLite distrust the schema of a file and check its cells; call this before anything is read."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, _TRIGGERS_DEEP)


def schema_problem(connection: sqlite3.Connection) -> str | None:
    """Describe how the schema of a catalog differs from that of its version; None if it does not.

    Raises:
        IndexFolderError: the catalog was made by a newer Twinlens.
    """
    version = checked_version(connection)
    if version < 0:
        return f"is not a catalog of Twinlens (its version is {version})"
    if odd := sorted(_odd(entries(connection), _made_by(version))):
        named = ", ".join(odd[:_NAMED]) + (f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else "")
        return f"is not a catalog of Twinlens (its tables are not those of one: {named})"
    return None


def _odd(present: set[Entry], expected: set[Entry]) -> set[str]:
    """Names of entries that are missing, added or different."""
    odd = {name for _, name, _, _ in present ^ expected}
    wide = [text for kind, name, _, text in present if (kind, name) == ("table", _WIDE_TABLE)]
    plain = [text for kind, name, _, text in expected if (kind, name) == ("table", _WIDE_TABLE)]
    if len(wide) == len(plain) == 1 and _is_widened(wide[0], plain[0]):
        odd.discard(_WIDE_TABLE)
    return odd


def _is_widened(wide: str, plain: str) -> bool:
    """Whether the SQL of a table is that of the migrations with columns c3, c4 ... added."""
    head = plain.removesuffix(" )")
    return wide.startswith(head) and _ADDED_COLUMNS.fullmatch(wide[len(head) :]) is not None


def entries(connection: sqlite3.Connection) -> set[Entry]:
    """All entries of a schema, their SQL without comments."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {
        (str(kind), str(name), str(table), _plain("" if sql is None else str(sql))) for kind, name, table, sql in rows
    }


def _plain(sql: str) -> str:
    """Normalise an SQL statement: no comments, single spaces between words.

    Quoted text is changed too. This is safe because the migrations contain none: no statement with quotes can become
    equal to one of theirs.
    """
    return " ".join(re.sub(r"([(),])", r" \1 ", _COMMENT.sub(" ", sql)).split())


def _made_by(version: int) -> set[Entry]:
    return entries_of("".join(MIGRATIONS[:version]))


@cache
def entries_of(script: str) -> set[Entry]:
    """All entries of the schema that an SQL script makes."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return entries(connection)
    finally:
        connection.close()
