"""Searches for copies that run in the background, one at a time, shared by all sessions."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from indexer.duplicates.find import duplicates_in
from indexer.duplicates.keep import choose_all
from search import TwinlensError

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex
    from indexer import Choice, DuplicateReport
    from search.config import DuplicatesConfig

AT_ONCE = 20_000
"""Pictures up to which a search starts by itself; larger collections take minutes."""
PATIENCE_SECONDS = 120.0
"""A search that no open page has asked about for so long is given up; a hidden page asks once a minute."""
HURRY_SECONDS = 5.0
"""The same while another search is queued."""
REMEMBERED = 4
"""Finished searches that are kept per snapshot of the index."""
STAGES = {
    "read": "Reading the embeddings",
    "search": "Searching for candidates",
    "check": "Measuring what approximate search finds",
    "compare": "Comparing the embeddings",
    "group": "Grouping",
    "list": "Grouping",
    "compare files": "Comparing the content of the files",
    "verify": "Verifying copies file by file",
}
"""Stage of a search -> what the page says."""


class Found(NamedTuple):
    """The groups of copies in a snapshot, and for each the proposal of what stays."""

    report: DuplicateReport
    choices: list[Choice]


class AbandonedError(Exception):
    """No open page shows the progress of a search any more."""


class DuplicateSearch:
    """One search: its progress while it runs, and then its result or why there is none."""

    def __init__(self) -> None:
        self.stage = STAGES["read"]
        self.done = 0
        self.total: int | None = None
        self.found: Found | None = None
        self.problem = ""
        self.abandoned = False
        self.over = threading.Event()
        self._asked = time.monotonic()

    def ask(self) -> None:
        """Note that an open page still shows the progress."""
        self._asked = time.monotonic()

    def begin(self, stage: str, total: int | None) -> None:
        """Start a stage, as `indexer.Progress`."""
        self.stage, self.done, self.total = STAGES.get(stage, stage), 0, total
        self.advance(0)

    def advance(self, count: int) -> None:
        """Report that `count` more pictures are done; raises AbandonedError if no page shows it any more."""
        self.done += count
        if time.monotonic() - self._asked > (HURRY_SECONDS if _waiting else PATIENCE_SECONDS):
            raise AbandonedError

    def run(self, opened: SharedIndex, config: DuplicatesConfig) -> None:
        """Search, and keep the result; to be called in a thread."""
        try:
            self._wait()
            assert opened.local is not None, "the page offers no search in an index of a service"
            try:
                report = duplicates_in(opened.local, config, progress=self)
                self.begin("verify", len(report.groups))
                self.found = Found(report, choose_all(report.groups, config.keep, self.advance))
            finally:
                _turn.release()
        except AbandonedError:
            self.abandoned = True
        except TwinlensError as error:
            self.problem = str(error)
        except Exception:  # a thread has no caller to report to
            logging.getLogger(__name__).exception("the search for duplicates failed")
            self.problem = "The search failed. The console of the app says why."
        finally:
            self.over.set()

    def _wait(self) -> None:
        """Wait until no other search runs; raises as `advance`."""
        if _turn.acquire(blocking=False):
            return
        self.stage = "Waiting for another search for duplicates to end"
        _waiting.add(self)
        try:
            while not _turn.acquire(timeout=1):
                if time.monotonic() - self._asked > PATIENCE_SECONDS:
                    raise AbandonedError
        finally:
            _waiting.discard(self)


_turn = threading.Lock()
_waiting: set[DuplicateSearch] = set()
_starting = threading.Lock()
_searches: WeakKeyDictionary[SharedIndex, dict[DuplicatesConfig, DuplicateSearch]] = WeakKeyDictionary()


def starts_by_itself(opened: SharedIndex) -> bool:
    """Whether an index is so small that a search need not be asked for."""
    return opened.info.images <= AT_ONCE


def known_search(opened: SharedIndex, config: DuplicatesConfig) -> DuplicateSearch | None:
    """The search of this snapshot with these options, running or over; None if there is none, or it was given up."""
    search = _searches.get(opened, {}).get(config)
    if search is None or search.abandoned:
        return None
    search.ask()
    return search


def start_search(opened: SharedIndex, config: DuplicatesConfig) -> DuplicateSearch:
    """Start a search, unless there is one already; one that failed or was given up is started again."""
    with _starting:
        searches = _searches.setdefault(opened, {})
        search = searches.get(config)
        if search is not None and not (search.problem or search.abandoned):
            return search
        searches.pop(config, None)
        while len(ended := [each for each, one in searches.items() if one.over.is_set()]) >= REMEMBERED:
            del searches[ended[0]]
        searches[config] = search = DuplicateSearch()
    threading.Thread(target=search.run, args=(opened, config), name="duplicates", daemon=True).start()
    return search
