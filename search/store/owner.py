"""Recognise whether a file named `catalog.sqlite` belongs to Twinlens, from its bytes, before SQLite opens it.

SQLite keeps an `application_id` in the header of its files for this purpose. Catalogs of older versions lack it: they
are recognised by their seal or their tables, and the next writer adds the id.
Source: "Database File Format", section 1.3, sqlite.org.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from search.errors import DamagedFileError, IndexFolderError
from search.files.writing import is_regular, require_own_file
from search.store.migrations import APPLICATION_ID, MIGRATIONS
from search.store.seal import SEAL_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from search.store.file import CatalogFile

Owner = Literal["ours", "none", "another"]
SIDES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps beside a database."""
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_USER_VERSION, _APPLICATION_ID = 60, 68
_TABLES = {"settings", "files", "segments", "pictures", "tombstones", "skipped"}
"""Tables of every version."""


def blank_catalog() -> bytes:
    """The bytes of an empty database with the application id of Twinlens."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        return connection.serialize()


def owner_of(raw: CatalogFile) -> Owner:
    """Owner of the file; `none` for an empty one, which a first build leaves if it is killed at its start."""
    header = raw.head(_HEADER_BYTES)
    if not header:
        return "none"
    sealed = is_regular(raw.file.with_name(SEAL_NAME))
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return "ours" if sealed else "another"  # damaged: comparing it with its seal reports that
    version, application = _number(header, _USER_VERSION), _number(header, _APPLICATION_ID)
    if application != 0:
        return "ours" if application == APPLICATION_ID else "another"
    names = _tables(raw.file)
    if names is not None and names >= _TABLES:
        return "ours"
    if sealed:  # its tables cannot be read, or are still in its log: comparing it with its seal decides
        return "another" if names or not 0 <= version <= len(MIGRATIONS) else "ours"
    log = raw.file.with_name(f"{raw.file.name}-wal")
    return "another" if names != set() or (log.exists() and log.stat().st_size) else "none"


def refuse_foreign(raw: CatalogFile) -> None:
    """Raise IndexFolderError if another program may have made the file; SQLite does not open it for writing."""
    if owner_of(raw) != "another":
        return
    if is_regular(raw.file.with_name(SEAL_NAME)):
        raise DamagedFileError(
            raw.file,
            "damaged, or the database of another program",
            "Restore the index from a backup. If the file is another program's, move it elsewhere first",
        )
    raise IndexFolderError(
        f"{raw.file}: is a file of another program, so its folder cannot be an index. Name another folder, such as"
        f" {raw.file.parent / 'photos.index'}"
    )


def refuse_links(file: Path, *, writing: bool) -> None:
    """Refuse links: SQLite would follow them to the catalog or its side files.

    Raises:
        IndexFolderError: the catalog or a side file is a link, or a hard link that SQLite would write to.
    """
    if writing or file.is_symlink():
        require_own_file(file)
    for side in SIDES:
        require_own_file(file.with_name(file.name + side))


def _number(header: bytes, place: int) -> int:
    return int(struct.unpack_from(">i", header, place)[0])


def _tables(file: Path) -> set[str] | None:
    """Names of the tables; None if the file is damaged. Opened as immutable: no lock, no side file, no recovery."""
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, UnicodeDecodeError):
        return None
