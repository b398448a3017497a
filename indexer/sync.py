"""Follow a folder: once, or for as long as it is watched."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.build import build
from indexer.scan import scan
from search.catalog import Catalog
from search.errors import IndexLockedError, TwinlensError

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer.change_report import ChangeReport
    from indexer.progress import Progress
    from search.config import BuildConfig

INTERVAL = 2.0
"""Seconds between two looks at a watched folder."""


def sync(pictures: str | os.PathLike[str], index: str | os.PathLike[str], config: BuildConfig | None = None, *,
         progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Make an index that is there follow a folder: what was added, changed, moved and removed; as `build` does.

    A folder without any picture is an error, not an empty index: an unmounted disk must not wipe one.

    Raises:
        IndexFolderError: no index there.
        DataError: no pictures there.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    Catalog.read(Path(index)).close()
    return build(pictures, index, config, progress=progress)


def watch(pictures: str | os.PathLike[str], index: str | os.PathLike[str], config: BuildConfig | None = None, *,
          told: Callable[[ChangeReport | TwinlensError], None], stop: threading.Event,
          interval: float = INTERVAL, progress: Progress | None = None) -> None:  # fmt: skip
    """Sync, and again whenever the folder has changed and lain still for one look, until `stop` is set.

    Looks at names, sizes and times, which works on every file system. A round that fails is told, and tried again at
    the next change, or, while another process writes the index, at the next look.

    Raises:
        TwinlensError: the first round failed.
    """
    told(sync(pictures, index, config, progress=progress))
    done = before = _state(pictures, index)
    while not stop.wait(interval):
        seen = _state(pictures, index)
        still, before = seen == before, seen
        if not still or seen == done:
            continue
        try:
            told(sync(pictures, index, config, progress=progress))
        except IndexLockedError as error:
            told(error)
            continue
        except TwinlensError as error:
            told(error)
        done = seen


def _state(pictures: str | os.PathLike[str], index: str | os.PathLike[str]) -> dict[Path, tuple[int, int]] | str:
    """Every picture's size and time; a sentence where the folder cannot be listed."""
    try:
        found = scan(Path(pictures), leave_out=Path(index).absolute())
    except TwinlensError as error:
        return str(error)
    return {file.path: (file.bytes, file.mtime_ns) for file in found}
