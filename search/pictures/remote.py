"""Pictures at remote addresses, such as s3://bucket/picture.jpg, read through fsspec; only this module imports it.

An index stores an address as a path, in which two slashes become one: `s3:/bucket/picture.jpg`. Such a path is never
looked up on the local disk. An index folder may come from anybody, so the engine opens an address only if the user
allowed its beginning with `TWINLENS_REMOTE`. Access to a storage is configured where its library expects it, such as
AWS_PROFILE for s3; Twinlens takes no credentials.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from search.config import DecodeConfig
from search.errors import DataError, MissingPictureError, PictureError
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWED = "TWINLENS_REMOTE"
"""Environment variable: addresses, separated by spaces, below which pictures of an index may be opened."""
_REMOTE = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])", re.ASCII)
"""Two letters at least: a single one is a drive of Windows."""
_LOCAL = ("file", "local")
_DEFAULTS = DecodeConfig()


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an address, with one slash after the scheme or two."""
    return _REMOTE.match(os.fsdecode(path)) is not None


def address_of(path: str | os.PathLike[str]) -> str:
    """The address that a path stands for.

    Raises:
        DataError: it is an address of the local disk, which is written as a plain path.
    """
    text = os.fspath(path)
    found = _REMOTE.match(text)
    if found is None or found[1] in _LOCAL:
        raise DataError(f"{text}: is not a remote address. Write a folder of this machine as a plain path")
    return f"{found[1]}://{text[found.end() :]}"


def file_system(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """The file system of an address as fsspec has it, and the name of the file or folder there.

    Raises:
        DataError: fsspec, or the package of this storage, is not installed; or there is no such storage.
    """
    address = address_of(path)
    try:
        import fsspec
    except ImportError as error:
        raise DataError(f"{address}: needs fsspec. Install it: pip install 'twinlens[distributed]'") from error
    try:
        return fsspec.core.url_to_fs(address)  # type: ignore[no-any-return]
    except ImportError as error:
        raise DataError(f"{address}: needs another package: {error}") from error
    except ValueError as error:
        raise DataError(f"{address}: cannot be opened ({reason_of(error)})") from error


def read_remote(path: str | os.PathLike[str], size: int | None = None, *, config: DecodeConfig = _DEFAULTS) -> bytes:
    """Read a file at an address that the user named.

    Args:
        path: the address.
        size: bytes of the file, if a listing gave them.
        config: limits.

    Raises:
        PictureError: the file is missing, empty, too large, or cannot be read; or its size is another one.
    """
    name = os.fspath(path)
    files, place = file_system(path)
    try:
        if size is None:
            with files.open(place, "rb") as stream:
                data: bytes = stream.read(config.max_bytes + 1)
        elif size <= config.max_bytes:
            data = files.cat_file(place)
        else:
            data = b""
    except FileNotFoundError as error:
        raise MissingPictureError(name, "no such file") from error
    except Exception as error:  # each storage has its own errors, and most of them are no OSError
        cause = error if isinstance(error, OSError) else OSError(reason_of(error))
        raise PictureError(name, f"cannot be read ({reason_of(error):.200})") from cause
    if max(size or 0, len(data)) > config.max_bytes:
        raise PictureError(name, f"too many bytes: more than the limit of {config.max_bytes:,}")
    if not data:
        raise PictureError(name, "empty file (0 bytes)")
    return data


def read_allowed(path: str | os.PathLike[str], *, config: DecodeConfig = _DEFAULTS) -> bytes:
    """Read a picture of an index at an address, if `TWINLENS_REMOTE` allows it.

    Raises:
        PictureError: it does not, or the picture cannot be read.
    """
    reason = refusal(path)
    if reason is not None:
        raise PictureError(os.fspath(path), reason)
    return read_remote(path, config=config)


def refusal(path: str | os.PathLike[str]) -> str | None:
    """Why a picture of an index is not opened at its address; None if `TWINLENS_REMOTE` allows it."""
    if _is_below(address_of(path), os.environ.get(ALLOWED, "").split()):
        return None
    return f"is at a remote address, which is opened only if {ALLOWED} names its beginning"


def _is_below(address: str, allowed: Iterable[str]) -> bool:
    if ".." in address.split("/"):
        return False
    starts = (each.rstrip("/") for each in allowed if is_remote(each))
    return any(address == start or address.startswith(f"{start}/") for start in starts)
