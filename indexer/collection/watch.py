"""Watch a folder and keep an index up to date with it."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.sync import FolderUpdate
from indexer.collection.update import check_device
from indexer.pipeline.library import folder_identity
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig, WatchConfig
from search.errors import DataError, IndexBusyError, IndexLockedError, TwinlensError
from search.pictures.remote import is_remote
from search.store.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder

_BURST = 200
"""Milliseconds without a change after which a burst of changes is over."""
_LONGEST_BURST = 5_000
"""Milliseconds after which a burst is handled even if changes continue."""
_TICK = 0.5
"""Seconds between two checks of the clock."""


def watch(
    pictures: str | os.PathLike[str],
    index: str | os.PathLike[str],
    config: BuildConfig | None = None,
    watching: WatchConfig | None = None,
    *,
    report: Callable[[ChangeReport | Exception], None],
    stop: threading.Event | None = None,
    progress: Callable[[], AbstractContextManager[Progress]] = lambda: nullcontext(Silent()),
) -> None:
    """Sync a folder now, and again whenever the system reports a change in it, until it is stopped.

    A file that was changed less than `settle` seconds ago may be incomplete, and is left for a later round.
    The lock is held during a round only, so that other processes can write between two rounds.

    Args:
        pictures: the folder.
        index: the index folder.
        config: see `sync`.
        watching: intervals of the watch.
        report: callback for the report of each round that changed or skipped something, and for the error of each round
            that failed, as when the folder is gone, another process writes the index, or the disk is full. The watch
            continues after an error.
        stop: ends the watch when it is set; without it, KeyboardInterrupt does.
        progress: makes the callback for progress updates of one round.

    Raises:
        DataError: the pictures are at a remote address.
        IndexFolderError: there is no index when the watch begins.
    """
    if is_remote(pictures):
        raise DataError(f"{os.fspath(pictures)}: only a folder of this machine can be watched. Run twinlens sync again")
    root, folder = Path(os.path.normpath(Path(pictures).absolute())), Path(index).absolute()
    rounds = _Rounds(root, folder, config or BuildConfig(), watching or WatchConfig())
    check_device(rounds.config)
    Catalog.read(folder).close()
    for _ in _due_rounds(rounds, stop or threading.Event()):
        try:
            with progress() as shown:
                outcome: ChangeReport | Exception | None = rounds.run(shown)
        except (TwinlensError, OSError) as error:
            outcome = rounds.failed(error)
        if outcome is not None:
            report(outcome)


class _Rounds:
    """The rounds of one watch."""

    def __init__(self, root: Path, folder: Path, config: BuildConfig, watching: WatchConfig) -> None:
        self.root, self.folder, self.config, self.watching = root, folder, config, watching
        self.soon = True
        """Whether the next round is due soon, because files may have settled or another writer may have finished."""
        self._encoder: Encoder | None = None
        self._last = ""

    def run(self, progress: Progress) -> ChangeReport | None:
        """Sync once; return the report, or None if nothing changed."""
        self.soon = False
        update = FolderUpdate.scan(
            self.root,
            self.folder,
            self.config,
            Stages(progress),
            allow_empty=self.watching.allow_empty,
            settle=self.watching.settle,
        )
        self.soon = update.has_recently_changed()
        with open_writer(self.folder) as catalog:
            if self._encoder is not None and self._encoder.fingerprint != catalog.settings()["fingerprint"]:
                self._encoder = None  # a rebuild changed it between two rounds
            report = update.run(catalog, self._encoder)
        self._encoder = update.encoder
        changed = report.added or report.changed or report.moved or report.removed
        new = self._is_new("\n".join(sorted(map(str, [*report.skipped, *report.missing]))))
        return report if changed or (new and (report.skipped or report.missing)) else None

    def failed(self, error: Exception) -> Exception | None:
        """Return an error to report; None if the same one was the last report."""
        self.soon = isinstance(error, IndexLockedError | IndexBusyError)
        return error if self._is_new(str(error)) else None

    def delay(self) -> float:
        """Seconds until the next round, if nothing changes."""
        return max(self.watching.settle, _TICK) if self.soon else self.watching.interval

    def _is_new(self, text: str) -> bool:
        before, self._last = self._last, text
        return text != before


def _due_rounds(rounds: _Rounds, stop: threading.Event) -> Iterator[None]:
    """Yield when a round is due: at once, after a change, when files have settled, and after `interval`."""
    from watchfiles import watch as watch_files

    own = (str(rounds.folder), str(rounds.folder) + os.sep)  # an index inside the folder would wake its own writer
    while not stop.is_set():
        yield  # for changes that came before the watch
        due, watched = time.monotonic() + rounds.delay(), folder_identity(rounds.root)
        try:
            for changes in watch_files(
                rounds.root,
                watch_filter=lambda _, path: path != own[0] and not path.startswith(own[1]),
                debounce=_LONGEST_BURST,
                step=_BURST,
                stop_event=stop,
                rust_timeout=int(_TICK * 1000),
                yield_on_timeout=True,
                ignore_permission_denied=True,
            ):
                if changes or time.monotonic() >= due:
                    yield
                    due = time.monotonic() + rounds.delay()
                if folder_identity(rounds.root) != watched:
                    break  # another folder has this name now: watch that one
        except (OSError, RuntimeError):  # it does not exist, or the system's limit of watches is reached
            while not stop.wait(_TICK) and time.monotonic() < due and folder_identity(rounds.root) == watched:
                continue
