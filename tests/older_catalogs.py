"""Catalogs as older versions wrote them."""

import sqlite3
from pathlib import Path

from search.store.catalog import CATALOG_NAME
from search.store.file import CatalogFile
from search.store.migrations import MIGRATIONS
from search.store.seal import FIRST_SEALED, SEAL_NAME, put_seal

MADE_BY_STEP = {
    2: ("TABLE templates", "TABLE identities"),
    4: ("TABLE metadata", "TABLE columns"),
    5: ("INDEX tombstones_by_content",),
    6: ("TABLE digests",),
    7: ("TABLE retained", "TABLE retained_templates"),
}
COLUMNS_BY_STEP = {7: (("pictures", "ctime_ns"), ("pictures", "inode")), 8: (("segments", "tuning"),)}


def downgrade(index: Path, version: int) -> None:
    """Take away from an index all that steps after a version made."""
    gone = [each for step, made in MADE_BY_STEP.items() if step > version for each in made]
    columns = [each for step, made in COLUMNS_BY_STEP.items() if step > version for each in made]
    undone = [f"DROP {each};" for each in gone]
    undone += [f"ALTER TABLE {table} DROP COLUMN {column};" for table, column in columns]
    with sqlite3.connect(index / CATALOG_NAME) as connection:
        connection.executescript("".join(undone) + f"PRAGMA user_version = {version};")
        if version >= FIRST_SEALED:
            connection.commit()
            put_seal(connection, raw := CatalogFile(index / CATALOG_NAME))
            raw.close()
    connection.close()
    if version < FIRST_SEALED:
        (index / SEAL_NAME).unlink()
    assert all(each.split()[1] in MIGRATIONS[step - 1] for step, made in MADE_BY_STEP.items() for each in made)


def forget_settings(index: Path, *names: str) -> None:
    """Take settings away that older versions did not note."""
    with sqlite3.connect(index / CATALOG_NAME) as connection:
        connection.executemany("DELETE FROM settings WHERE key = ?", [(name,) for name in names])
        connection.commit()
        put_seal(connection, raw := CatalogFile(index / CATALOG_NAME))
        raw.close()
    connection.close()
