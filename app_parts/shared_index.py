"""The index that all sessions share, opened again after a change."""

from __future__ import annotations

import itertools
import os
import threading
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from search import TwinlensError, open_index

if TYPE_CHECKING:
    from search import SearchEngine
    from search.query.query import Where

KEPT_FILTERS = 8
"""Number of filters whose picture ids are cached: eight megabytes each for a million pictures."""
MOST_CHOICES = 12
"""Number of different values up to which a column of text is offered as choices."""
_numbers = itertools.count()


class SharedIndex:
    """An engine that all sessions share, with cached facts about it; closed when its last user releases it.

    After a commit, the next run opens the index again, while another session may be in the middle of a query. An engine
    is a snapshot, so cached facts stay valid.
    """

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self.number = next(_numbers)
        """Identifies this snapshot in caches, which must not keep it open."""
        self.info = self.engine.info()
        self.labels = self.engine.labels()
        self.embeds_text = _embeds_text(engine)
        self._ids: dict[str, array[int]] = {}
        self._choices: dict[str, list[str]] = {}
        self._reading = threading.Lock()
        self._warmed = False

    def __del__(self) -> None:
        self.engine.close()

    def warm(self) -> None:
        """Load the encoder in the background, so that the first upload need not wait for it."""
        if not self._warmed:
            self._warmed = True
            threading.Thread(target=_embed_something, args=(self.engine,), daemon=True).start()

    def ids(self, where: Where | None) -> array[int]:
        """Ids of the pictures that match a filter, ascending; the most recent results are cached.

        Raises:
            QueryError: the filter is invalid.
        """
        key = repr(where)
        with self._reading:  # one session reads, and others wait for its result
            ids = self._ids.pop(key, None)
            if ids is None:
                ids = array("q", self.engine.ids(where))
            self._ids[key] = ids  # the most recently used filter is last
            if len(self._ids) > KEPT_FILTERS:
                del self._ids[next(iter(self._ids))]
            return ids

    def choices(self, column: str) -> list[str]:
        """The values of a column of text, sorted; empty if there are more than `MOST_CHOICES`."""
        if column not in self._choices:
            values = self.engine.texts(column, MOST_CHOICES + 1)
            self._choices[column] = values if len(values) <= MOST_CHOICES else []
        return self._choices[column]


def _embeds_text(engine: SearchEngine) -> bool:
    try:
        return engine.embeds_text
    except TwinlensError:  # of a damaged encoder, which is reported once something is to be embedded
        return False


def _embed_something(engine: SearchEngine) -> None:
    with suppress(TwinlensError):  # of a damaged encoder, say, which a search reports; or the index is closed already
        engine.embed(Image.new("RGB", (32, 32)))


_newest: dict[bytes, SharedIndex] = {}
"""The index opened last, at most one; it is kept after its cache entry expires, until its successor is open."""


@st.cache_resource(show_spinner="Opening the index …", max_entries=1, validate=lambda opened: not opened.engine.stale)
def opened_index(folder: bytes) -> SharedIndex:
    """Open an index once for all sessions; its name is in bytes, because it need not be text.

    After a commit it is opened again, and reuses the encoder and the segments that did not change.
    """
    before = _newest.pop(folder, None)
    _newest.clear()
    engine = open_index(Path(os.fsdecode(folder))) if before is None else before.engine.refresh()
    opened = before if before is not None and engine is before.engine else SharedIndex(engine)
    _newest[folder] = opened
    return opened
