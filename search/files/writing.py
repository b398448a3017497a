"""The one place where files are made: under a new random name, put in place by a rename.

A folder may come from a stranger, and each name in it may be a link to somebody's file, a hard link, a FIFO. What is
written here never follows one: a new file is opened exclusively (O_EXCL, O_NOFOLLOW) under a name that nobody can
foresee, and a rename replaces a link itself, not its target. Files that are changed in place, such as those of SQLite,
are refused unless they are regular files with one name.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import uuid
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from search.errors import DataError, IndexFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UUID = "[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}"
"""Pattern of a random stem: the 32 hex digits of a UUID of version 4, which a checksum rarely looks like."""
ASIDE_NAME = re.compile(rf"\.{UUID}\.part")
"""Names under which files are written before they are put in place: a killed process leaves some."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def new_file(path: Path) -> IO[bytes]:
    """Make a file that is not there yet, and open it for writing; raises FileExistsError where the name is taken."""
    return os.fdopen(os.open(path, _NEW | getattr(os, "O_CLOEXEC", 0), 0o666), "wb")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new name beside `path`, and put what was written there in its place, synced, at the end of the block.

    After an exception what was at `path` is as it was. For libraries that open files by name; see `replaced`.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield aside
        sync_file(aside)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):  # what the caller must see is why the writing failed
            aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name at the end of the block, synced, and only if nothing was raised in it.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    with replacing(path) as aside, new_file(aside) as stream:
        yield stream
        stream.flush()


def write_file(path: Path, data: bytes | str) -> None:
    """Put these bytes, or this text as UTF-8, at `path`: the whole of them or, after an error, what was there."""
    with replaced(path) as stream:
        stream.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def output_file(path: Path) -> Iterator[IO[bytes]]:
    """As `replaced`, for an output that the user named: a device, a pipe or `/dev/stdout` is written to, not replaced.

    Raises:
        DataError: it cannot be written.
    """
    with output_errors_named(path):
        if _is_stream(path):
            with path.open("wb") as stream:
                yield stream
        else:
            with replaced(path) as stream:
                yield stream


@contextmanager
def output_errors_named(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a DataError that names the output; a reader of a pipe that is gone is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}). Name another file") from error


def _is_stream(path: Path) -> bool:
    """Whether a name stands for a device or a pipe, be it by the links of /dev and /proc."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    folder = os.path.realpath(path.parent)
    listed = folder == "/dev" or folder.startswith(("/dev/fd", "/proc/"))
    return (listed and not stat.S_ISDIR(mode)) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_own(path: Path, most: int) -> bytes:
    """The first bytes of a small file beside which links and FIFOs may lie: neither is followed or waited for.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with os.fdopen(_regular(path, _READ), "rb") as stream:
        return stream.read(most)


def open_own(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a file that is changed in place, be it by `append`, which also makes it: a link is not followed.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if append else os.O_RDWR
    return os.fdopen(_regular(path, _READ | flags), "ab" if append else "r+b")


def _regular(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags, 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "is not a regular file", str(path))


def is_regular(path: Path) -> bool:
    """Whether a regular file has this name, and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder has this name, and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def require_own_file(path: Path) -> None:
    """Refuse to change a file in place unless it is missing, or a regular file that has no second name.

    Raises:
        IndexFolderError: a link, a hard link, a folder, a FIFO or another special file.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(status.st_mode):
        raise IndexFolderError(
            f"{path}: is a link, and Twinlens writes to no file through a link. Put the file itself there, or remove"
            " the link"
        )
    if not stat.S_ISREG(status.st_mode):
        raise IndexFolderError(f"{path}: is not a regular file, and Twinlens needs this name. Remove it")
    if status.st_nlink > 1:
        raise IndexFolderError(
            f"{path}: is one of {status.st_nlink} hard links to one file, and a change would show under each of them."
            f" Make it a file of its own: cp -p {path.name} copy && mv copy {path.name}"
        )


def require_own_folder(path: Path) -> None:
    """Refuse to write into a folder unless it is missing, or a folder and not a link to one.

    Raises:
        IndexFolderError: a link, or no folder.
    """
    if path.is_symlink():
        raise IndexFolderError(
            f"{path}: is a link, and Twinlens writes into no folder through a link. Put the folder itself there, or"
            " remove the link"
        )
    if os.path.lexists(path) and not path.is_dir():
        raise IndexFolderError(f"{path}: is not a folder, and Twinlens needs this name. Remove it")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that a power failure does not take away again with what is put in it."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; a system that cannot sync folders has nothing to do."""
    if os.name == "posix":
        _sync(folder, os.O_RDONLY)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    _sync(path, os.O_RDWR)  # Windows syncs no file that is open for reading alone


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
