"""The schema of a catalog, compared with what the migrations make, before anything is read from its tables.

A file that a stranger made may hold a view in the place of a table, which never ends; triggers, which run with a
writer's next commit; generated columns and indexes on expressions, which run functions. A catalog has none of them.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache

from search.store.migrations import MIGRATIONS, checked_version

Entry = tuple[str, str, str, str]
"""Type, name, table and text of one thing in a schema."""

_COMMENT = re.compile(r"--[^\n]*")
_WIDE_TABLE = "metadata"
_ADDED_COLUMNS = re.compile(r"((?: , c[1-9][0-9]{0,17})*) \)")
"""What ALTER TABLE leaves behind the last column of the wide table."""
_NAMED = 3
_TRIGGERS_DEEP = 8
"""Triggers within triggers: the deletions that foreign keys bring are counted as such."""


def harden(connection: sqlite3.Connection) -> None:
    """Have SQLite trust nothing that the file's schema says, and check what it reads; before anything is read."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, _TRIGGERS_DEEP)


def schema_problem(connection: sqlite3.Connection) -> str | None:
    """What is wrong with a catalog whose schema is not that of its version; None where it is.

    Raises:
        IndexFolderError: it is of a newer Twinlens.
    """
    version = checked_version(connection)
    if version < 0:
        return f"is no catalog of Twinlens (its version is {version})"
    if odd := sorted(_odd(entries(connection), _made_by(version))):
        named = ", ".join(odd[:_NAMED]) + (f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else "")
        return f"is no catalog of Twinlens (its tables are not those of one: {named})"
    return None


def _odd(found: set[Entry], wanted: set[Entry]) -> set[str]:
    """Names of what is missing, added or other than it should be."""
    odd = {name for _, name, _, _ in found ^ wanted}
    wide = [text for kind, name, _, text in found if (kind, name) == ("table", _WIDE_TABLE)]
    plain = [text for kind, name, _, text in wanted if (kind, name) == ("table", _WIDE_TABLE)]
    if len(wide) == len(plain) == 1 and _is_widened(wide[0], plain[0]):
        odd.discard(_WIDE_TABLE)
    return odd


def _is_widened(found: str, plain: str) -> bool:
    """Whether a table is one of the migrations' with columns c3, c4 ... added."""
    head = plain.removesuffix(" )")
    return found.startswith(head) and _ADDED_COLUMNS.fullmatch(found[len(head) :]) is not None


def entries(connection: sqlite3.Connection) -> set[Entry]:
    """All that a schema holds, each text without comments."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {
        (str(kind), str(name), str(table), _plain("" if sql is None else str(sql))) for kind, name, table, sql in rows
    }


def _plain(sql: str) -> str:
    """A statement without comments, its words set apart by single spaces.

    Text within quotes is not respected: the statements of the migrations have none, so that no other one can come to
    look like them.
    """
    return " ".join(re.sub(r"([(),])", r" \1 ", _COMMENT.sub(" ", sql)).split())


def _made_by(version: int) -> set[Entry]:
    return entries_of("".join(MIGRATIONS[:version]))


@cache
def entries_of(script: str) -> set[Entry]:
    """All that a script makes."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return entries(connection)
    finally:
        connection.close()
