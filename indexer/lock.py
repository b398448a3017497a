"""One writer at a time."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from search.disk_errors import disk_errors_named
from search.errors import IndexLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = "writer.lock"
HOLDER_NAME = "writer.json"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the index folder for writing; the system frees the lock of a process that dies.

    Raises:
        IndexLockedError: another process holds it; the message says which, since when.
        DiskError: the disk failed the writer, is full, or refused.
    """
    with disk_errors_named(folder), _held(folder):
        yield


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IndexLockedError(
            f"{folder}: is being written by {_holder(folder)}. Wait for it to end, or stop it, and try again"
        ) from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        (folder / HOLDER_NAME).write_text(json.dumps({"process": os.getpid(), "since": now}))
        yield
    finally:
        (folder / HOLDER_NAME).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER_NAME).read_text())
        return f"process {holder['process']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
