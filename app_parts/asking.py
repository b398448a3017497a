"""The index that all sessions share, and the searches of visitors."""

from __future__ import annotations

import os
import threading
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from app_parts.tiles import TILE, Tile, file_tile, ground, tile
from search import open_index
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from search import Hit, SearchEngine
    from search.query.query import SearchOptions, Where


KEPT_FILTERS = 8
"""Number of filters whose picture ids are cached: eight megabytes each for a million pictures."""


class SharedIndex:
    """An engine that all sessions share, with cached facts about it; closed when its last user releases it.

    After a commit, the next run opens the index again, while another session may be in the middle of a query. An engine
    is a snapshot, so cached facts stay valid.
    """

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self.info = self.engine.info()
        self.labels = self.engine.labels()
        self._ids: dict[str, array[int]] = {}
        self._reading = threading.Lock()

    def __del__(self) -> None:
        self.engine.close()

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


class SearchResult(NamedTuple):
    """A query picture with its thumbnail and, if it has one, its id in the index; the hits; and the times of steps."""

    name: str
    facts: list[str]
    tile: Tile
    id: int | None
    hits: list[Hit]
    seconds: dict[str, float]


class SearchSettings(NamedTuple):
    """The visitor's choices: how many neighbours, among which pictures."""

    k: int
    options: SearchOptions


def ask(
    engine: SearchEngine, upload: UploadedFile | None, picked: int | None, settings: SearchSettings
) -> SearchResult | None:
    """Search with the uploaded or else the picked picture; None if there is neither."""
    if upload is not None:
        return ask_upload(engine, upload, settings)
    return None if picked is None else ask_picked(engine, picked, settings)


def ask_upload(engine: SearchEngine, upload: UploadedFile, settings: SearchSettings) -> SearchResult:
    """Search with an uploaded picture."""
    answer = engine.ask(upload, settings.k, **settings.options)
    image = load_picture(upload, target=TILE)
    width, height = image.info["full_size"]
    facts = ["uploaded", f"{width} × {height} pixels"]
    took = answer.timing
    seconds = {"decoded": took.decode, "encoded": took.encode, "searched": took.search}
    return SearchResult(upload.name, facts, tile(image, ground()), None, answer.hits, seconds)


def ask_picked(engine: SearchEngine, picture_id: int, settings: SearchSettings) -> SearchResult:
    """Search by the stored embedding of a picture of the collection, which is not among its own neighbours."""
    record = engine.picture(picture_id)
    begun = time.perf_counter()
    vector = engine.vector(record.id)
    looked_up = time.perf_counter()
    hits = engine.search_vectors(vector[None], settings.k + 1, **settings.options)[0]
    seconds = {"looked up": looked_up - begun, "searched": time.perf_counter() - looked_up}
    facts = [f"picture {record.id}", f"{record.width} × {record.height} pixels"]
    own = [hit for hit in hits if record.id in (hit.id, *(copy.id for copy in hit.copies or ()))]
    others = [hit for hit in hits if hit not in own][: settings.k]
    facts += [copies_text(hit) for hit in own if hit.copies]
    facts = [record.label or "no label", *facts]
    return SearchResult(str(record.path), facts, file_tile(record.path), record.id, others, seconds)


def copies_text(hit: Hit) -> str:
    """The number of near-duplicates that a hit represents; empty if it has none."""
    count = len(hit.copies or ())
    return f"+{count:,} {'copy' if count == 1 else 'copies'}" if count else ""
