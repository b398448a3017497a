"""Pictures inside tar files, in the form of webdataset: `shards/0007.tar/000123.jpg` is a member of `shards/0007.tar`.

Members of one sample have one name up to the first dot of their last part: `000123.jpg` is the picture and `000123.cls`
its label. A tar is listed once per process; a picture is then read at its place, without reading what is before it.
Compressed tars are not read, as they have no places.
"""

from __future__ import annotations

import os
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from search.config import DecodeConfig
from search.errors import DataError, MissingPictureError, PictureError
from search.pictures.remote import file_system, is_remote
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".tar"
_LABEL = ".cls"
_LONGEST_LABEL = 1_000
"""Bytes of a label at most; a longer member is not a label."""
_LISTED = 256
"""Tars whose listing is kept."""
_DEFAULTS = DecodeConfig()


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a tar."""

    name: str
    offset: int
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class TarListing:
    """The files of a tar by name, and the labels of its samples by key."""

    members: dict[str, Member]
    labels: dict[str, str]

    def label_of(self, name: str) -> str | None:
        """The label of a member; without one, the folder in which it lies in the tar."""
        return self.labels.get(sample_key(name), name.rpartition("/")[0] or None)


def sample_key(name: str) -> str:
    """The name of the sample that a member belongs to."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def is_tar(path: Path) -> bool:
    """Whether a path is that of a tar: a local file or a remote address with this suffix."""
    return path.suffix.lower() == _SUFFIX and (is_remote(path) or path.is_file())


def tar_of(path: Path) -> Path | None:
    """The tar in which a path lies; None for a plain file, also one in a folder whose name ends with .tar."""
    text = os.fspath(path)
    if f"{_SUFFIX}/" not in text.lower():
        return None
    return next((each for each in reversed(path.parents) if each.suffix.lower() == _SUFFIX and is_tar(each)), None)


def list_tar(tar: Path) -> TarListing:
    """List a tar; the listing of an unchanged file is kept.

    Raises:
        DataError: it cannot be read as a tar.
    """
    try:
        status = None if is_remote(tar) else tar.stat()
    except OSError as error:
        raise DataError(f"{tar}: cannot be read ({error.strerror})") from error
    version = (0, 0) if status is None else (status.st_size, status.st_mtime_ns)
    return _listed(str(tar), version)


def read_member(tar: Path, path: Path, *, config: DecodeConfig = _DEFAULTS) -> tuple[bytes, Member]:
    """Read a picture of a tar, and where it lies.

    Raises:
        PictureError: there is no such member, it is empty or too large, or the tar is cut off or cannot be read.
    """
    name = str(path.relative_to(tar))
    try:
        member = list_tar(tar).members.get(name)
    except DataError as error:
        raise PictureError(str(path), f"its tar cannot be read ({error})") from error
    if member is None:
        raise MissingPictureError(str(path), "no such member of the tar")
    if not 0 < member.bytes <= config.max_bytes:
        what = "too many bytes: more than the limit" if member.bytes else "empty file (0 bytes)"
        raise PictureError(str(path), what)
    try:
        with _opened(tar) as stream:
            stream.seek(member.offset)
            data = stream.read(member.bytes)
    except Exception as error:  # each storage has its own errors
        cause = error if isinstance(error, OSError) else OSError(reason_of(error))
        raise PictureError(str(path), f"cannot be read ({reason_of(error):.200})") from cause
    if len(data) != member.bytes:
        raise PictureError(str(path), "is cut off: the tar ends before it")
    return data, member


@contextmanager
def _opened(tar: Path) -> Iterator[IO[bytes]]:
    if is_remote(tar):
        files, place = file_system(tar)
        with files.open(place, "rb") as stream:
            yield stream
    else:
        with tar.open("rb") as stream:
            yield stream


@lru_cache(_LISTED)
def _listed(tar: str, version: tuple[int, int]) -> TarListing:
    """`version` is part of the key of the cache: a tar that changed is listed again."""
    members: dict[str, Member] = {}
    labels: dict[str, str] = {}
    try:
        with _opened(Path(tar)) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
            for each in opened:
                name = os.path.normpath(each.name)
                if not each.isreg() or each.issparse() or name.startswith("/") or name.split("/")[0] == "..":
                    continue
                members[name] = Member(name, each.offset_data, each.size, max(0, int(float(each.mtime) * 1e9)))
                if name.endswith(_LABEL) and each.size <= _LONGEST_LABEL and (file := opened.extractfile(each)):
                    label = file.read().decode("utf-8", "replace").strip()
                    labels.update({sample_key(name): label} if label else {})
    except DataError:
        raise
    except Exception as error:  # tarfile and each storage have errors of their own
        if not (members and isinstance(error, tarfile.ReadError)):  # of a tar that is cut off, the rest can be read
            raise DataError(f"{tar}: cannot be read as a tar ({reason_of(error):.200})") from error
    return TarListing(members, labels)
