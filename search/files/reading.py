"""Open files of an index folder from an untrusted source safely.

Opening a named pipe waits for a writer, reading a device never ends, and a link may lead out of the folder. Anything
that is not a regular file inside the folder is rejected before it is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import DamagedFileError

if TYPE_CHECKING:
    from io import BufferedReader

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
}
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_SUPER_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""The last bytes of a rollback journal that names another file, which SQLite deletes after rolling back."""
_REMEDY = "Delete it, and restore the index from a backup or build it again"


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, without ever waiting for a pipe or device, even one that replaces the file.

    Raises:
        DamagedFileError: it is not a file.
        OSError: it is missing, or cannot be read.
    """
    require_regular(path)
    descriptor = os.open(path, _READ)
    try:
        _refuse_irregular(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(path: Path) -> os.stat_result:
    """Return the status of a regular file, following links; raises as `open_regular`."""
    status = path.stat()
    _refuse_irregular(path, status.st_mode)
    return status


def refuse_irregular(folder: Path, *names: str) -> None:
    """Check files that an index folder may hold besides those that its catalog names, such as the catalog itself.

    Links are rejected too: SQLite would write through them, and delete what it takes for a log.

    Raises:
        DamagedFileError: one of them exists and is not a regular file.
        OSError: the folder cannot be read.
    """
    for name in names:
        try:
            status = (folder / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        _refuse_irregular(folder / name, status.st_mode)


def refuse_far_journal(journal: Path) -> None:
    """Reject a rollback journal that names another file, because SQLite would delete that file after rolling back.

    Raises:
        DamagedFileError: the journal names another file, which journals of Twinlens catalogs never do.
    """
    try:
        with open_regular(journal) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - len(_SUPER_JOURNAL)))
            names_another = stream.read() == _SUPER_JOURNAL
    except FileNotFoundError:
        return
    if names_another:
        raise DamagedFileError(journal, "is not the journal of a catalog (it names another file)", _REMEDY)


def require_inside(folder: Path, name: str) -> Path:
    """Return the path of a file that a catalog names, which must lie in the index folder after following links.

    Raises:
        DamagedFileError: it lies elsewhere.
    """
    require_inside_name(folder, name)
    if not _is_below(folder / name, folder):
        remedy = "Put the file itself into the index folder in place of the link that leads to it"
        raise DamagedFileError(folder / name, "lies outside of the index folder", remedy)
    return folder / name


def require_inside_name(folder: Path, name: str) -> None:
    """Check the name alone, without accessing the disk; raises as `require_inside`."""
    if not is_inside_name(name):
        raise DamagedFileError(folder, f"names a file that lies outside of it ({name!r})", _REMEDY)


def is_inside_name(name: object) -> bool:
    """Whether a relative name such as `segments/x.npy` stays inside its folder, on any system."""
    if not isinstance(name, str) or not name or any(char in name for char in "\0\\:"):
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _refuse_irregular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise DamagedFileError(path, f"is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file", _REMEDY)
