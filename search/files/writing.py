"""Create and replace files safely: under a new random name, renamed into place when complete.

An index folder may come from an untrusted source, and each name in it may be a link to another file, a hard link or a
FIFO. Nothing here follows one: a new file is opened exclusively (O_EXCL, O_NOFOLLOW) under an unpredictable name, and a
rename replaces a link itself, not its target. Files that are changed in place, such as those of SQLite, are rejected
unless they are regular files with a single name.
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
"""Pattern of a random stem: the 32 hex digits of a version 4 UUID, which a checksum rarely looks like."""
ASIDE_NAME = re.compile(rf"\.{UUID}\.part")
"""Names of files that are being written; a killed process leaves some behind."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def new_file(path: Path) -> IO[bytes]:
    """Create a file and open it for writing; raises FileExistsError if the name is taken."""
    return os.fdopen(os.open(path, _NEW | getattr(os, "O_CLOEXEC", 0), 0o666), "wb")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, and at the end of the block rename the file there to `path`, synced.

    After an exception, `path` is unchanged. For libraries that open files by name; otherwise see `replaced`.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield aside
        sync_file(aside)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):  # the caller must see the error of the write
            aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name, synced, at the end of the block; not if the block raises.

    Raises:
        OSError: it cannot be written; an existing file is unchanged.
    """
    with replacing(path) as aside, new_file(aside) as stream:
        yield stream
        stream.flush()


def write_file(path: Path, data: bytes | str) -> None:
    """Write bytes, or text as UTF-8, to `path`: completely, or not at all after an error."""
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
        raise  # the reader of a pipe is gone
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}). Name another file") from error


def _is_stream(path: Path) -> bool:
    """Whether a name stands for a device or a pipe, including by the links of /dev and /proc."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    folder = os.path.realpath(path.parent)
    listed = folder == "/dev" or folder.startswith(("/dev/fd", "/proc/"))
    return (listed and not stat.S_ISDIR(mode)) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_own(path: Path, most: int) -> bytes:
    """Read the first bytes of a small file without following a link or waiting for a FIFO in its place.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    with os.fdopen(_regular(path, _READ), "rb") as stream:
        return stream.read(most)


def open_own(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a file to change it in place, or, with `append`, to create or extend it; a link is not followed.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
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
    """Whether the name is a regular file, and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether the name is a folder, and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def require_own_file(path: Path) -> None:
    """Check that a file to change in place is missing, or is a regular file with a single name.

    Raises:
        IndexFolderError: it is a link, a hard link, a folder, a FIFO or another special file.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(status.st_mode):
        raise IndexFolderError(
            f"{path}: is a link, and Twinlens does not write through links. Put the file itself there, or remove"
            " the link"
        )
    if not stat.S_ISREG(status.st_mode):
        raise IndexFolderError(f"{path}: is not a regular file, and Twinlens needs this name. Remove it")
    if status.st_nlink > 1:
        raise IndexFolderError(
            f"{path}: is one of {status.st_nlink} hard links to one file, and a change would affect all of them."
            f" Make it a separate file: cp -p {path.name} copy && mv copy {path.name}"
        )


def require_own_folder(path: Path) -> None:
    """Check that a folder to write into is missing, or is a folder and not a link to one.

    Raises:
        IndexFolderError: it is a link, or not a folder.
    """
    if path.is_symlink():
        raise IndexFolderError(
            f"{path}: is a link, and Twinlens does not write through links. Put the folder itself there, or"
            " remove the link"
        )
    if os.path.lexists(path) and not path.is_dir():
        raise IndexFolderError(f"{path}: is not a folder, and Twinlens needs this name. Remove it")


def make_folder(folder: Path) -> None:
    """Create a folder and its parents durably, so that they survive a power failure with their content."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; does nothing on systems that cannot sync folders."""
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
