"""The jobs of a server, which is the app or the service: one at a time for each index."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from indexer.jobs.job import COMMAND, Job
from search.errors import IndexLockedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.jobs.request import JobRequest
    from indexer.jobs.view import JobView

KEPT = 20
"""Number of indexes whose last job is kept."""


class Jobs:
    """Starts jobs, and keeps the last one of each index. Safe to use from several sessions at once."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._last: dict[str, Job] = {}
        self._count = 0
        self._starting = threading.Lock()

    def start(self, request: JobRequest) -> Job:
        """Start a job.

        Raises:
            IndexLockedError: another job of this index is running.
        """
        place = os.path.realpath(request.index)
        with self._starting:
            before = self._last.pop(place, None)
            if before is not None:
                self._last[place] = before
                if before.view.running:
                    raise IndexLockedError(
                        f"{request.index}: a job of this server is running on it ({before.view.request.verb}). "
                        "Wait for it to end, or stop it, and try again"
                    )
            self._count += 1
            self._last[place] = job = Job(self._count, request, self._command)
            self._forget()
            return job

    def last(self, index: str | None) -> Job | None:
        """The running or last job of an index."""
        return None if index is None else self._last.get(os.path.realpath(index))

    def views(self) -> list[JobView]:
        """All jobs that are kept, the newest first."""
        with self._starting:
            views = [job.view for job in self._last.values()]
        return sorted(views, key=lambda view: -view.number)

    def _forget(self) -> None:
        """Forget the oldest jobs that ended."""
        ended = [place for place, job in self._last.items() if not job.view.running]
        for place in ended[: max(0, len(self._last) - KEPT)]:
            del self._last[place]
