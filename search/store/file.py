"""The bytes of a catalog's file, read beside SQLite without taking its locks away.

POSIX forgets every lock that a process has on a file when the process closes any descriptor of that file. A reader
that opened and closed the catalog to hash it would free the lock that says it is there, and the next writer to close
would take the write-ahead log from under it. So one descriptor a file is kept until no catalog of this process has
the file open any more, as SQLite itself does.
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
    """What this process has open of one file: how many catalogs, and the descriptor once one was needed."""

    users: int = 0
    descriptor: int | None = None


_guard = threading.Lock()
_held: dict[tuple[int, int], _Held] = {}
"""By device and inode."""


class CatalogFile:
    """One catalog's share in the descriptor: made before SQLite opens the file, let go after SQLite closed it."""

    def __init__(self, file: Path) -> None:
        """Count as one who has the file open; raises OSError where there is none."""
        self.file = file
        with _guard:
            status = file.stat()
            self._key = (status.st_dev, status.st_ino)
            self._mine: _Held | None = _held.setdefault(self._key, _Held())
            self._mine.users += 1

    def blocks(self) -> Iterator[bytes]:
        """The bytes, about 1 MiB at a time; nothing may write the file meanwhile.

        Raises:
            OSError: the file cannot be read, or another one stands in its place.
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
        """The first bytes; fewer where the file is shorter. Raises OSError as `blocks`."""
        if os.name != "posix":
            with self.file.open("rb") as stream:
                return stream.read(size)
        return os.pread(self._descriptor(), size, 0)

    def close(self) -> None:
        """Let go; the last one closes the descriptor."""
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
                if (status.st_dev, status.st_ino) != self._key:  # nobody here has locks on a file that is new
                    os.close(descriptor)
                    raise OSError(f"{self.file}: was replaced while it was being opened")
                held.descriptor = descriptor
            return held.descriptor
