"""The open indexes of a service: each request leases a snapshot, which stays open until the last of them is done."""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from search.encoders.joined_calls import join_calls
from search.errors import EncoderError, IndexFolderError, TwinlensError
from search.text import one_line
from service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from search.config import Device
    from search.engine import SearchEngine
    from service.config import Served

_log = logging.getLogger("twinlens.service")


class _Snapshot:
    """An engine, and how many requests use it."""

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self.users = 0
        self.replaced = False


class OpenIndex:
    """One index: its newest snapshot, and older ones that requests still use."""

    def __init__(
        self,
        served: Served,
        device: Device,
        *,
        embedded: Callable[[int], None] = lambda count: None,
        opened: Callable[[str, SearchEngine], None] = lambda name, engine: None,
    ) -> None:
        """Serve an index; `embedded` gets the sizes of batches, and `opened` each new snapshot."""
        self.served = served
        self._device = device
        self._embedded = embedded
        self._opened = opened
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._current: _Snapshot | None = None
        self.problem: str | None = "it was not opened yet"
        """Why the newest snapshot is not served; None if it is."""
        self.snapshot = ""
        """Changes with each snapshot that is served; empty while none is open."""

    @property
    def ready(self) -> bool:
        """Whether the newest snapshot, with its encoder, is open."""
        return self.problem is None

    @contextmanager
    def lease(self) -> Iterator[SearchEngine]:
        """An engine that stays open in this block.

        Raises:
            IndexFolderError: the index cannot be opened.
        """
        snapshot = self._take()
        try:
            yield snapshot.engine
        finally:
            with self._lock:
                snapshot.users -= 1
                last = snapshot.replaced and snapshot.users == 0
            if last:
                snapshot.engine.close()

    def refresh(self) -> None:
        """Open the newest snapshot, if it is not open.

        Raises:
            TwinlensError: it cannot be opened; the one before is still served.
        """
        with self._opening:
            before = self._current
            try:
                newest = self._newest(before)
            except TwinlensError as error:
                if self.problem != str(error):
                    _log.warning("%s", one_line(f"{self.served.name}: {error}"))
                self.problem = str(error)
                raise
            if newest is not None:
                self._replace(newest)
            self.problem = None

    def close(self) -> None:
        """Close the engine; requests that use it are done by now."""
        with self._opening:
            self._replace(None)
            self.problem = "the service stops"

    def _take(self) -> _Snapshot:
        for _ in range(2):
            with self._lock:
                if self._current is not None:
                    self._current.users += 1
                    return self._current
            self.refresh()
        raise IndexFolderError(f"{self.served.folder}: the service stops")

    def _newest(self, before: _Snapshot | None) -> SearchEngine | None:
        """An engine for the newest snapshot, ready to answer; None if that is open."""
        from search.engine import open_index

        if before is None:
            engine = open_index(self.served.folder, device=self._device)
        else:
            engine = before.engine.refresh()
            if engine is before.engine:
                return None
        with suppress(EncoderError):  # of vectors made elsewhere, or damaged: a query that needs it reports that
            join_calls(engine.encoder, self._embedded)
        self._opened(self.served.name, engine)
        return engine

    def _replace(self, engine: SearchEngine | None) -> None:
        name = "" if engine is None else _named(engine)
        with self._lock:
            before, self._current = self._current, None if engine is None else _Snapshot(engine)
            self.snapshot = name
            if before is not None:
                before.replaced = True
            idle = before is not None and before.users == 0
        if before is not None and idle:
            before.engine.close()


def _named(engine: SearchEngine) -> str:
    """A text that no other snapshot has, of this index or of another in its place; workers give the same."""
    settings = engine.catalog.settings()
    parts = engine.folder, engine.catalog.generation(), len(engine), settings["created"], settings["updated"]
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


class OpenIndexes:
    """All indexes of a service, kept at their newest snapshots by a thread."""

    def __init__(self, indexes: list[OpenIndex], refresh_seconds: float = 1.0) -> None:
        self._indexes = {index.served.name: index for index in indexes}
        self._seconds = refresh_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[OpenIndex]:
        return iter(self._indexes.values())

    def named(self, name: str | None) -> OpenIndex:
        """The index with a name; without one the only index.

        Raises:
            ProblemError: there is none, or there are several and none is named.
        """
        known = ", ".join(self._indexes)
        if name is None:
            if len(self._indexes) > 1:
                raise ProblemError(
                    "unknown-index", f"several indexes are served: choose one, as in ?index=NAME, of {known}"
                )
            return next(iter(self))
        if name not in self._indexes:
            raise ProblemError("unknown-index", f"no index is served as {name!a:.80}: there are {known}")
        return self._indexes[name]

    def start(self) -> None:
        """Open all indexes, in the background, and keep them fresh."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_fresh, name="refresh", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all indexes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for index in self:
            index.close()

    def _keep_fresh(self) -> None:
        while True:
            for index in self:
                try:
                    index.refresh()
                except TwinlensError:
                    pass  # which `refresh` has logged, and /readyz reports
                except Exception:
                    _log.exception("%s: unexpected error while it was opened", index.served.name)
            if self._stop.wait(self._seconds):
                return
