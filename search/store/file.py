"""Read the bytes of a catalog's file beside SQLite, without releasing SQLite's locks.

POSIX releases all locks that a process has on a file when the process closes any descriptor of that file. A reader that
opened and closed the catalog to hash it would lose its lock, and the next writer to close would delete the write-ahead
log that the reader still uses. So one descriptor per file is kept until no catalog of this process has the file open
any more, as SQLite itself does.
Source: "How To Corrupt An SQLite Database File", section 2.2, sqlite.org.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1024 * 1024


@dataclass(slots=True)
class _Held:
    """One file that this process has open: by how many catalogs, and the descriptor, if one was needed."""

    users: int = 0
    descriptor: int | None = None


_guard = threading.Lock()
_held: dict[tuple[int, int], _Held] = {}
"""Open files by device and inode."""


class CatalogFile:
    """One user of the shared descriptor: create it before SQLite opens the file, close it after SQLite closed it."""

    def __init__(self, file: Path) -> None:
        """Register as a user of the file; raises OSError if there is no such file."""
        self.file = file
        with _guard:
            status = file.stat()
            self._key = (status.st_dev, status.st_ino)
            self._mine: _Held | None = _held.setdefault(self._key, _Held())
            self._mine.users += 1

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the file in blocks of 1 MiB; the file must not be written meanwhile.

        Raises:
            OSError: the file cannot be read, or was replaced by another one.
        """
        if os.name != "posix":  # locks do not depend on descriptors there, and there is no pread
            with self.file.open("rb") as stream:
                while block := stream.read(BLOCK_BYTES):
                    yield block
            return
        descriptor, start = self._descriptor(), 0
        while block := os.pread(descriptor, BLOCK_BYTES, start):
            yield block
            start += len(block)

    def head(self, size: int) -> bytes:
        """The first `size` bytes, or fewer if the file is shorter. Raises OSError as `blocks`."""
        if os.name != "posix":
            with self.file.open("rb") as stream:
                return stream.read(size)
        return os.pread(self._descriptor(), size, 0)

    def close(self) -> None:
        """Unregister; the last user closes the descriptor."""
        with _guard:
            held, self._mine = self._mine, None
            if held is None:
                return
            held.users -= 1
            if held.users == 0:
                del _held[self._key]
                if held.descriptor is not None:
                    os.close(held.descriptor)

    def _descriptor(self) -> int:
        with _guard:
            held = self._mine
            if held is None:
                raise ValueError(f"{self.file}: is closed")
            if held.descriptor is None:
                descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                status = os.fstat(descriptor)
                if (status.st_dev, status.st_ino) != self._key:  # no lock of this process on the new file is lost
                    os.close(descriptor)
                    raise OSError(f"{self.file}: was replaced while it was being opened")
                held.descriptor = descriptor
            return held.descriptor
