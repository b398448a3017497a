"""Lock an index folder for writing: one writer at a time."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from search.errors import IndexLockedError
from search.files.disk_errors import disk_errors_named
from search.files.writing import is_regular, read_own, require_own_file, write_file
from search.text import utc_now, without_controls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = "writer.lock"
HOLDER_NAME = "writer.json"
_LONGEST_COMMAND = 200
_LONGEST_NOTE = 65_536


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of an index folder; the system frees the lock of a process that ends.

    A note beside the lock names its holder, for the error message only: the note of a process that ended blocks no
    writer, even if another process has its number now.

    Raises:
        IndexLockedError: another process holds it; the message names the process, its command line and since when.
        IndexFolderError: the lock is a link, or another kind of file.
        IndexBusyError: another program holds a database of the folder.
        DiskError: the disk failed, is full, or refused.
    """
    check_lock_file(folder / LOCK_NAME)
    with disk_errors_named(folder), _held(folder):
        yield


def check_lock_file(file: Path) -> None:
    """Refuse a lock that is a link or not a regular file: taking it would create or empty a file elsewhere.

    Raises:
        IndexFolderError: it is one. A hard link to an empty file is allowed, because that file cannot lose anything: a
            copy of an index by `cp -al` shares the lock of the original.
    """
    if not (is_regular(file) and file.stat().st_size == 0):
        require_own_file(file)


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
        write_file(folder / HOLDER_NAME, json.dumps(_note()))
        yield
    finally:
        (folder / HOLDER_NAME).unlink(missing_ok=True)
        lock.release()


def _note() -> dict[str, object]:
    since = utc_now()
    command = shlex.join(getattr(sys, "orig_argv", sys.argv))[:_LONGEST_COMMAND]
    return {"process": os.getpid(), "since": since, "host": socket.gethostname(), "command": command}


def _holder(folder: Path) -> str:
    """The holder of the lock, in words; the note may be partly written, or left by a process that ended."""
    try:
        note = json.loads(read_own(folder / HOLDER_NAME, _LONGEST_NOTE))
        process, since = int(note["process"]), str(note["since"])
        host, command = str(note.get("host", "")), str(note.get("command", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "another process"
    here = host in ("", socket.gethostname())
    if here and not _is_running(process):
        return "another process"
    where = "" if here else f" on {host}"
    return f"process {process}{where} since {since}" + (f". It is: {without_controls(command)}" if command else "")


def is_held(folder: Path) -> bool:
    """Whether a process writes this folder, by the note beside the lock, which is not touched."""
    try:
        note = json.loads(read_own(folder / HOLDER_NAME, _LONGEST_NOTE))
        here = str(note.get("host", "")) in ("", socket.gethostname())
        return not here or _is_running(int(note["process"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process > 0
