"""List the pictures of any source: a folder, a remote address, tar shards, or a list of addresses.

A tar or a pattern of tars (`shards/train-*.tar`, `shards/train-{0000..0099}.tar`) is listed by its members; other tars
in a folder are files of another kind. A `.txt` with one address per line is a list; each address is asked for its size.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.pipeline.scan import FoundFile, scan
from search.errors import DataError
from search.pictures.decode import PICTURE_SUFFIXES
from search.pictures.remote import address_of, file_system, is_remote
from search.pictures.tar_members import is_tar, list_tar, tar_of
from search.text import reason_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from indexer.pipeline.excludes import Excludes
    from indexer.pipeline.scan import Unreadable

_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", re.ASCII)
_MOST_IN_RANGE = 1_000_000
_ASKING = 16
"""Requests at once for the sizes of files."""
_VERSIONS = ("ETag", "etag", "md5Hash", "generation", "Last-Modified", "LastModified", "mtime", "updated", "created")
"""What storages say of a file that changes with its content."""
_MODIFIED = ("LastModified", "mtime", "updated", "created")


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from."""

    root: Path
    """The folder, address or tar that all paths start from."""
    tars: tuple[Path, ...] = ()
    """Tars whose members are the pictures; empty for other sources."""
    listed: Path | None = None
    """A file of addresses."""

    @classmethod
    def of(cls, pictures: Path) -> Source | None:
        """Recognise a source; None for a plain folder or file, which is listed as before.

        Raises:
            DataError: a pattern matches no tar, or a list is empty or mixes storages.
        """
        if pictures.suffix.lower() == ".tar":
            tars = _tars(pictures)
            if tars:
                return cls(_normal(tars[0]) if tars == [pictures] else _normal(pictures).parent, tuple(tars))
        if pictures.suffix.lower() == ".txt" and (is_remote(pictures) or pictures.is_file()):
            return cls(_common(_addresses(pictures), pictures), listed=pictures)
        if is_remote(pictures):
            address_of(pictures)
            return cls(_normal(pictures))
        return None

    def label(self, path: Path) -> str | None:
        """The label of a picture in a tar: that of its sample, or its folder in the tar."""
        tar = tar_of(path)
        return None if tar is None else list_tar(tar).label_of(str(path.relative_to(tar)))

    def files(self, excludes: Excludes, not_read: Counter[str] | None, unreadable: Unreadable) -> list[FoundFile]:
        """The pictures, by the bytes of their paths.

        Raises:
            DataError: the source cannot be read, or a package for it is missing.
        """
        found = self._members() if self.tars else self._remote(unreadable)
        files = {}
        for file in found:
            last = file.path.name
            if last.startswith(".") or excludes.covers_below(file.path):
                continue
            if file.path.suffix.lower() in PICTURE_SUFFIXES or file.path == self.root or self.listed is not None:
                files[file.path] = file
            elif not_read is not None:
                not_read[file.path.suffix.lower()] += 1
        return sorted(files.values(), key=lambda file: os.fsencode(file.path))

    def _members(self) -> Iterable[FoundFile]:
        for tar in self.tars:
            for member in list_tar(tar).members.values():
                yield FoundFile(_normal(tar) / member.name, member.bytes, member.mtime_ns)

    def _remote(self, unreadable: Unreadable) -> Iterable[FoundFile]:
        if self.listed is not None or self.root.suffix.lower() in PICTURE_SUFFIXES:
            addresses = [address_of(self.root)] if self.listed is None else _addresses(self.listed)
            files, _ = file_system(addresses[0])
            infos: dict[str, dict[str, Any]] = {each: {} for each in addresses}
        else:
            files, place = file_system(self.root)
            scheme = address_of(self.root).partition("://")[0]
            listed = _asked(lambda: files.find(place, detail=True), self.root)
            infos = {f"{scheme}://{_without_scheme(name)}": info for name, info in listed.items()}
        without = [address for address, info in infos.items() if info.get("size") is None]
        with ThreadPoolExecutor(_ASKING, thread_name_prefix="list") as pool:
            for address, info in zip(without, pool.map(lambda each: _info(files, each), without), strict=True):
                infos[address] = info if isinstance(info, dict) else {}
                if isinstance(info, OSError):
                    unreadable(Path(address), info)
        for address, info in infos.items():
            path = Path(address)
            if address_of(path) != address or ".." in path.parts:
                unreadable(path, OSError(0, "its address has empty parts, or .. as a part"))
            elif info.get("type", "file") == "file" and info:
                yield found_at(path, info)


def list_pictures(
    pictures: Path,
    source: Source | None,
    *,
    leave_out: Path,
    excludes: Excludes,
    not_read: Counter[str] | None = None,
    unreadable: Unreadable,
) -> list[FoundFile]:
    """The pictures of a folder as `scan` lists them, or those of another source."""
    if source is not None:
        return source.files(excludes, not_read, unreadable)
    return scan(pictures, leave_out=leave_out, excludes=excludes, not_read=not_read, unreadable=unreadable)


def found_at(path: Path, info: dict[str, Any]) -> FoundFile:
    """A file at an address. What its storage says of the version stands where a local file has its time of change."""
    moment = next((info[key] for key in _MODIFIED if isinstance(info.get(key), datetime)), None)
    mtime = 0 if moment is None else max(0, int(moment.timestamp() * 1e6)) * 1_000
    version = repr([(key, str(info[key])) for key in _VERSIONS if info.get(key)])
    digest = int.from_bytes(hashlib.blake2b(version.encode(), digest_size=8).digest(), "big") >> 1
    return FoundFile(path, int(info.get("size") or 0), mtime, digest, 0)


def _tars(pictures: Path) -> list[Path]:
    """The tars that a name, a range or a pattern names; none for a folder that ends with .tar."""
    name = pictures.name
    if (found := _RANGE.fullmatch(name)) is not None:
        first, last, width = int(found[2]), int(found[3]), len(found[2])
        if last < first or last - first >= _MOST_IN_RANGE:
            raise DataError(f"{pictures}: is not a range of tars")
        return [pictures.with_name(f"{found[1]}{n:0{width}}{found[4]}") for n in range(first, last + 1)]
    if "*" not in name and "?" not in name:
        return [pictures] if is_tar(pictures) else []
    if is_remote(pictures):
        files, place = file_system(pictures.parent)
        names = [
            each.rstrip("/").rpartition("/")[2] for each in _asked(lambda: files.ls(place, detail=False), pictures)
        ]
    else:
        names = [each.name for each in pictures.parent.glob(name) if each.is_file()]
    tars = sorted(pictures.with_name(each) for each in names if fnmatchcase(each, name))
    if not tars:
        raise DataError(f"{pictures}: no tar has such a name")
    return tars


def _normal(path: Path) -> Path:
    """An address as it is; a local path absolute and without `..`."""
    return path if is_remote(path) else Path(os.path.normpath(path.absolute()))


def _addresses(listed: Path) -> list[str]:
    """The addresses of a list, each once."""
    try:
        if is_remote(listed):
            files, place = file_system(listed)
            text = _asked(lambda: files.cat_file(place), listed).decode("utf-8")
        else:
            text = listed.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{listed}: cannot be read as a list of addresses ({reason_of(error)})") from error
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    wrong = next((line for line in lines if not is_remote(line)), None)
    if not lines or wrong is not None:
        what = "is empty" if wrong is None else f"{wrong!r:.200} is not an address"
        raise DataError(f"{listed}: {what}. Write one address per line, such as https://host/picture.jpg")
    return [address_of(line) for line in lines]


def _common(addresses: list[str], listed: Path) -> Path:
    """The deepest place that holds all addresses."""
    common = Path(addresses[0]).parent
    for address in addresses:
        while not Path(address).is_relative_to(common):
            common = common.parent
    if len(common.parts) < 2:
        raise DataError(f"{listed}: its addresses are of several hosts or storages. Write a list for each")
    return common


def _asked(ask: Callable[[], Any], place: Path) -> Any:
    """The answer of a storage; DataError if it refuses."""
    try:
        return ask()
    except Exception as error:  # each storage has its own errors
        raise DataError(f"{place}: cannot be listed ({reason_of(error):.200})") from error


def _info(files: Any, address: str) -> dict[str, Any] | OSError:
    try:
        return dict(files.info(address))
    except Exception as error:  # each storage has its own errors
        return error if isinstance(error, OSError) and error.strerror else OSError(0, reason_of(error)[:200])


def _without_scheme(name: str) -> str:
    """The name of a file in a listing, which some storages give with its scheme and some with a slash."""
    return name.partition("://")[2] if "://" in name else name.lstrip("/")
