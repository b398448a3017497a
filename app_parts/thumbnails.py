"""Thumbnails of the pictures of a collection: made by a few threads, and cached in memory and on disk within bounds.

The folder on disk belongs to the user alone. Still, nothing in it is trusted: a file counts only if it is a regular
file that decodes as a JPEG of the expected size, and is made again otherwise.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
import time
import uuid
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from app_parts.picture_files import small_of, version_of
from search.files.writing import is_folder, new_file, read_own
from search.pictures.thumbnails import jpeg, thumbnail

if TYPE_CHECKING:
    from app_parts.picture_files import PictureFile

TILE = 320
"""Side of a thumbnail in pixels: twice the width of a card, for high-resolution screens."""
QUALITY = 88
MOST_MEGABYTES = 500
"""Size of the folder, unless TWINLENS_THUMBNAILS_MB says otherwise; 0 keeps nothing on disk."""
IN_MEMORY = 2_000
"""Thumbnails kept in memory, of about 15 kB each."""
THREADS = min(4, os.cpu_count() or 1)
_FORMAT = b"1"
"""Part of each name; to be changed when thumbnails are made differently."""
_LARGEST = 2**20
"""Bytes of a file that are read: more is no thumbnail."""
_TOUCH_SECONDS = 3600.0
"""A file that is used is marked as recent at most this often."""
_KEPT = 0.8
"""Share of the bound that is left after the least recently used files are removed."""


class ThumbnailFolder:
    """Thumbnails on disk, least recently used removed first. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._size: int | None = None
        self._lock = threading.Lock()
        self.usable = most_bytes > 0 and _own_folder(folder)

    def read(self, name: str) -> bytes | None:
        """The thumbnail of a name; None if there is none, or the file is something else."""
        if not self.usable:
            return None
        path = self._folder / name
        try:
            data = read_own(path, _LARGEST + 1)
            if not _is_thumbnail(data):
                path.unlink(missing_ok=True)
                return None
            if time.time() - path.stat().st_mtime > _TOUCH_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Keep a thumbnail: completely, or not at all. Nothing is synced: a cache may be lost."""
        if not self.usable:
            return
        aside = self._folder / f".{uuid.uuid4().hex}.part"
        try:
            with new_file(aside) as stream:
                stream.write(data)
            aside.replace(self._folder / name)
        except OSError:  # a full disk, say: the thumbnail is made again when it is wanted
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            return
        with self._lock:
            if self._size is None:
                self._size = sum(size for _, size, _ in self._files())
            else:
                self._size += len(data)
            if self._size > self._most:
                self._size = self._shrink()

    def _files(self) -> list[tuple[float, int, str]]:
        """Time of use, size and name of each file."""
        found = []
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another process removed it
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, entry.name))
        return found

    def _shrink(self) -> int:
        """Remove the files that were not used for longest; return the size of the rest."""
        files = sorted(self._files())
        size = sum(each for _, each, _ in files)
        for _, each, name in files:
            if size <= self._most * _KEPT:
                break
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)
                size -= each
        return size


class Thumbnails:
    """Makes thumbnails in threads, each once per change of a picture; failures are not kept."""

    def __init__(self, folder: ThumbnailFolder) -> None:
        self._folder = folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._making: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._wanted = ThreadPoolExecutor(THREADS, "thumbnails")
        self._later = ThreadPoolExecutor(1, "thumbnails-later")

    def of(self, file: PictureFile, ground: str, *, later: bool = False) -> Future[bytes]:
        """The thumbnail of a picture, perhaps not made yet; `later` makes it when nothing else is wanted.

        Raises:
            OSError: the file does not exist.
            ValueError: no file can have such a name.
        """
        name = _name_of(file, ground)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                done: Future[bytes] = Future()
                done.set_result(self._kept[name])
                return done
            if name not in self._making:
                pool = self._later if later else self._wanted
                self._making[name] = pool.submit(self._make, name, file, ground)
            return self._making[name]

    def _make(self, name: str, file: PictureFile, ground: str) -> bytes:
        try:
            data = self._folder.read(name)
            if data is None:
                data = jpeg(thumbnail(small_of(file, TILE), TILE, ground=ground), quality=QUALITY)
                self._folder.write(name, data)
            with self._lock:
                self._kept[name] = data
                if len(self._kept) > IN_MEMORY:
                    self._kept.popitem(last=False)
            return data
        finally:
            with self._lock:
                self._making.pop(name, None)


def user_folder() -> Path:
    """The folder for thumbnails in the user's cache folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        cache = Path(base) if base else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        given = os.environ.get("XDG_CACHE_HOME", "")
        cache = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return cache / "twinlens" / "thumbnails"


def most_bytes() -> int:
    """The bound of the folder from the environment, or the default."""
    text = os.environ.get("TWINLENS_THUMBNAILS_MB", "")
    megabytes = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else MOST_MEGABYTES
    return megabytes * 2**20


def _own_folder(folder: Path) -> bool:
    """Make the folder for this user alone; whether it is one, and no link or folder that others can change."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return False
    if not is_folder(folder):
        return False
    return os.name != "posix" or (status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0)


def _name_of(file: PictureFile, ground: str) -> str:
    """A name that changes with the picture."""
    parts = (_FORMAT, *version_of(file), TILE, ground)
    return hashlib.sha256(repr(parts).encode()).hexdigest() + ".jpg"


def _is_thumbnail(data: bytes) -> bool:
    if len(data) > _LARGEST:
        return False
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (TILE, TILE):
                return False
            image.load()
    except Exception:  # whatever a decoder makes of bytes that are no JPEG
        return False
    return True
