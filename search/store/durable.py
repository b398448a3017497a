"""Sync files of an index to the disk, compute their checksums, and verify them before they are parsed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from search.errors import DamagedFileError
from search.files.reading import open_regular, require_inside, require_regular
from search.files.writing import sync_file
from search.store.records import FileRecord

if TYPE_CHECKING:
    from pathlib import Path


def sealed(folder: Path, name: str) -> FileRecord:
    """Sync a file to the disk; return its record with size and checksum."""
    path = folder / name
    sync_file(path)
    return FileRecord(name, path.stat().st_size, checksum(path))


def verify(folder: Path, record: FileRecord) -> None:
    """Raise DamagedFileError unless the file has the size and checksum of its record."""
    path = require_inside(folder, record.name)
    try:
        if (size := require_regular(path).st_size) != record.bytes:
            raise DamagedFileError(path, f"damaged ({size} bytes instead of {record.bytes})")
        if checksum(path) != record.sha256:
            raise DamagedFileError(path, "damaged (wrong checksum)")
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedFileError(path, "missing") from None
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read ({error.strerror})") from error


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
