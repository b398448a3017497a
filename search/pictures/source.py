"""Read a picture's bytes from a file or a stream, within limits, and choose the name that errors use for it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.config import DecodeConfig
from search.errors import MissingPictureError, PictureError
from search.pictures.remote import is_remote, read_allowed
from search.pictures.tar_members import read_member, tar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.types import Picture

_DEFAULTS = DecodeConfig()

_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Non-blocking, because opening a FIFO would otherwise wait for a writer that may never come."""

_TRIES = 3
"""Attempts to read a file that changes meanwhile; a file that is written continuously is not a picture yet."""

CHANGED_MEANWHILE = "changed while it was read"
"""The reason of an error that is not about the picture itself."""


def picture_name(source: Picture) -> str:
    """The name that errors use: the path, the name of the open file, or `<bytes>`, `<file>`, `<image>`, `<array>`."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return name if isinstance(name, str) and name else "<file>"
    if is_pil_image(source):
        return "<image>"
    return "<array>" if is_array(source) else f"<{type(source).__name__}>"


def read_file(path: str | os.PathLike[str], *, config: DecodeConfig = _DEFAULTS) -> bytes:
    """Read a picture's file as `read_steady` does, and return only the bytes; or a member of a tar.

    A remote address is read if the user allows it: see `search.pictures.remote`.
    """
    if is_remote(path):
        return read_allowed(path, config=config)
    named = Path(os.fsdecode(path))
    tar = tar_of(named)
    return read_steady(path, config=config)[0] if tar is None else read_member(tar, named, config=config)[0]


def read_steady(path: str | os.PathLike[str], *, config: DecodeConfig = _DEFAULTS) -> tuple[bytes, os.stat_result]:
    """Read all bytes of a picture's file after checking that it is a regular file within the limits.

    Returns:
        The bytes, and the status of the file that they came from. Its size and time were the same before and after
        reading, whatever happened to the path meanwhile.

    Raises:
        PictureError: the file is missing, unreadable, a folder or a device, empty, too large, or was changed during
            each attempt to read it.
    """
    name = os.fsdecode(path)
    if is_remote(name):
        raise PictureError(name, "is at a remote address")
    try:
        _check_kind(Path(name).stat().st_mode, name)  # before it is opened: opening a device can have side effects
        for _ in range(_TRIES):
            descriptor = os.open(path, _READ_ONLY)
            try:
                data, before, after = _read_descriptor(descriptor, name, config)
            finally:
                os.close(descriptor)
            if file_version(before) == file_version(after) and len(data) == after.st_size:
                return data, after
    except FileNotFoundError as error:
        raise MissingPictureError(name, "no such file") from error
    except IsADirectoryError as error:
        raise PictureError(name, "is a folder, not a picture") from error
    except PermissionError as error:
        raise PictureError(name, "permission denied") from error
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise PictureError(name, f"not a path ({error})") from error
    raise PictureError(name, CHANGED_MEANWHILE)


def _check_kind(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise PictureError(name, "is a folder, not a picture")
    if not stat.S_ISREG(mode):
        raise PictureError(name, "is not a regular file")


def _read_descriptor(descriptor: int, name: str, config: DecodeConfig) -> tuple[bytes, os.stat_result, os.stat_result]:
    before = os.fstat(descriptor)
    _check_kind(before.st_mode, name)
    if before.st_size == 0:
        raise PictureError(name, "empty file (0 bytes)")
    check_bytes(name, before.st_size, config)
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(config.max_bytes + 1)  # bounded, in case the file is growing
    return data, before, os.fstat(descriptor)


def file_version(status: os.stat_result) -> tuple[int, int]:
    """Size and time of change: a file where both are the same is taken to hold the same."""
    return status.st_size, status.st_mtime_ns


def read_stream(file: Any, name: str, config: DecodeConfig) -> bytes:
    """Read from the current position to the end, and return to that position, so that the object can be read again."""
    try:
        start = file.tell() if hasattr(file, "seekable") and file.seekable() else None
        try:
            return _read_chunks(file.read, name, config)
        finally:
            if start is not None:
                file.seek(start)
    except (OSError, ValueError) as error:
        raise PictureError(name, f"cannot be read ({error})") from error


def _read_chunks(read: Callable[[int], Any], name: str, config: DecodeConfig) -> bytes:
    """Read in chunks, as a raw stream may return less than requested; one byte above the limit is enough."""
    data = bytearray()
    while len(data) <= config.max_bytes:
        chunk = read(min(1 << 20, config.max_bytes + 1 - len(data)))
        if isinstance(chunk, str):
            raise PictureError(name, 'open in text mode: open it with mode "rb"')
        if not chunk:
            break
        data += chunk
    return bytes(data)


def check_bytes(name: str, size: int, config: DecodeConfig) -> None:
    """Raise PictureError above `config.max_bytes`."""
    if size > config.max_bytes:
        raise PictureError(name, f"too many bytes: more than the limit of {config.max_bytes:,}")


def is_pil_image(source: object) -> bool:
    """Whether an object is a PIL image, without importing Pillow: if it is not imported, no such image exists."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def is_array(source: object) -> bool:
    """As `is_pil_image`, for NumPy arrays."""
    module = sys.modules.get("numpy")
    return module is not None and isinstance(source, module.ndarray)
