"""Decode every picture once and cache all of them as small squares in one file."""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.encoders.preprocessing import squash
from search.errors import PictureError
from search.files.writing import ASIDE_NAME, is_folder, is_regular, replacing, require_own_folder, write_file
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CACHE_FOLDER = "pixels"
_CHUNK = 256
_OWN_FILE = re.compile(rf"[0-9a-f]{{16}}\.(npy|json|part)|{ASIDE_NAME.pattern}")


@dataclass(frozen=True, slots=True)
class Pixels:
    """`squares (N, S, S, 3) uint8`, in the order of the paths; rows of `unreadable` are black."""

    squares: NDArray[np.uint8]
    unreadable: dict[int, str]
    """Row -> error message, with the picture's path."""


def decode_all(
    paths: Sequence[Path],
    size: int,
    out: Path,
    *,
    workers: int = 4,
    advance: Callable[[int], None] = lambda count: None,
) -> Pixels:
    """Decode pictures to the encoder's input, or open the cache that an earlier call with the same files left in `out`.

    The squares stay on disk and are memory-mapped, so that a collection can be larger than the memory.
    """
    folder = out / CACHE_FOLDER
    require_own_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    key = _key(paths, size)
    squares_file, notes_file = folder / f"{key}.npy", folder / f"{key}.json"
    if not notes_file.is_file():
        _delete_own(folder)  # left by a run that this one replaces
        with replacing(squares_file) as aside:
            unreadable = _decode(paths, size, aside, workers, advance)
        write_file(notes_file, json.dumps({str(row): reason for row, reason in unreadable.items()}))
    notes = json.loads(notes_file.read_text(encoding="utf-8"))
    squares: NDArray[np.uint8] = np.load(squares_file, mmap_mode="r")
    return Pixels(squares, {int(row): reason for row, reason in notes.items()})


def delete_pixels(out: Path) -> None:
    """Delete the cache of `decode_all` from a run's folder, and no other files."""
    folder = out / CACHE_FOLDER
    if is_folder(folder):
        _delete_own(folder)
        if not any(folder.iterdir()):
            folder.rmdir()


def is_cached(name: str) -> bool:
    """Whether a file of this name belongs to the cache of decoded pictures, which a run may delete."""
    return _OWN_FILE.fullmatch(name) is not None


def _delete_own(folder: Path) -> None:
    for path in folder.iterdir():
        if _OWN_FILE.fullmatch(path.name) and is_regular(path):
            path.unlink()


def _decode(
    paths: Sequence[Path], size: int, file: Path, workers: int, advance: Callable[[int], None]
) -> dict[int, str]:
    shape = (len(paths), size, size, 3)
    squares = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    unreadable: dict[int, str] = {}

    def one(row: int) -> None:
        try:
            squares[row] = squash(load_picture(paths[row], target=size), size)
        except PictureError as error:
            unreadable[row] = str(error)

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(paths)))
            list(pool.map(one, rows))
            advance(len(rows))
    squares.flush()
    return dict(sorted(unreadable.items()))


def _key(paths: Sequence[Path], size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for path in paths:
        status = path.stat() if path.exists() else None
        identity = (str(path.absolute()), status and status.st_size, status and status.st_mtime_ns)
        digest.update(repr(identity).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]
