"""Create a folder atomically: written beside its target, synced, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import DataError
from search.files.disk_errors import disk_errors_named
from search.files.writing import sync_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def atomic_folder(out: Path, may_replace: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a new folder to write into, which is renamed to `out` at the end; after an exception `out` is unchanged.

    A process that is killed leaves its unfinished folder beside `out`, as `.NAME.*.part`.

    Args:
        out: a path that does not exist, an empty folder, or a folder that may be replaced.
        may_replace: whether a folder that is not empty may be deleted; raises if not.

    Raises:
        DataError: `out` is a file.
        DiskError: the disk failed, is full, or refused access.
    """
    place = Path(os.path.realpath(out))
    if place.exists() and not place.is_dir():
        raise DataError(f"{out}: is a file. Name a folder")
    old = place.is_dir() and any(place.iterdir()) and may_replace(place)
    part = place.parent / f".{place.name[:100]}.{uuid.uuid4().hex}.part"
    with disk_errors_named(part):
        part.mkdir(parents=True)
        try:
            yield part
            _sync(part)
            if old:
                place.rename(part.with_suffix(".old"))
            try:
                part.rename(place)
            except BaseException:
                if old:
                    part.with_suffix(".old").rename(place)
                raise
            sync_folder(place.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)


def _sync(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            _sync(each)
        else:
            sync_file(each)
    sync_folder(folder)
