"""The index that all sessions share, and its answers to what a visitor asks."""

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
"""Filters whose pictures are kept: eight megabytes each for a million pictures."""


class Opened:
    """An engine that all sessions share, and what is told of it; closed when the last that holds it lets go.

    After a commit the next run opens the index anew, while another session may be in the middle of a query. As an
    engine is a snapshot, what was once read of it stays true.
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
        """Ids of the pictures that a filter takes in, ascending; the last few answers are kept.

        Raises:
            QueryError: an invalid filter.
        """
        key = repr(where)
        with self._reading:  # of several sessions one reads, the others wait for what it finds
            found = self._ids.pop(key, None)
            if found is None:
                found = array("q", self.engine.ids(where))
            self._ids[key] = found  # what was used last stands last
            if len(self._ids) > KEPT_FILTERS:
                del self._ids[next(iter(self._ids))]
            return found


_newest: dict[bytes, Opened] = {}
"""What was opened last, at most one; it outlives its place in the cache until its successor is there."""


@st.cache_resource(show_spinner="Opening the index …", max_entries=1, validate=lambda opened: not opened.engine.stale)
def opened_index(folder: bytes) -> Opened:
    """Open an index once for everybody; bytes, as a folder's name need not be text.

    After a commit it is opened again, and takes over the encoder and the segments that did not change.
    """
    before = _newest.pop(folder, None)
    _newest.clear()
    engine = open_index(Path(os.fsdecode(folder))) if before is None else before.engine.refresh()
    opened = before if before is not None and engine is before.engine else Opened(engine)
    _newest[folder] = opened
    return opened


class Asked(NamedTuple):
    """A query and its answer: what was asked with, its thumbnail, its id in the index if it has one,
    and the seconds of each step.
    """

    name: str
    facts: list[str]
    tile: Tile
    id: int | None
    hits: list[Hit]
    seconds: dict[str, float]


class Wanted(NamedTuple):
    """What the visitor chose: how many neighbours, among which pictures."""

    k: int
    options: SearchOptions


def ask(engine: SearchEngine, upload: UploadedFile | None, picked: int | None, wanted: Wanted) -> Asked | None:
    """Search from what was uploaded, or else picked; None where nothing was."""
    if upload is not None:
        return ask_upload(engine, upload, wanted)
    return None if picked is None else ask_picked(engine, picked, wanted)


def ask_upload(engine: SearchEngine, upload: UploadedFile, wanted: Wanted) -> Asked:
    """Search from an uploaded picture."""
    answer = engine.ask(upload, wanted.k, **wanted.options)
    image = load_picture(upload, target=TILE)
    width, height = image.info["full_size"]
    facts = ["uploaded", f"{width} × {height} pixels"]
    took = answer.timing
    seconds = {"decoded": took.decode, "encoded": took.encode, "searched": took.search}
    return Asked(upload.name, facts, tile(image, ground()), None, answer.hits, seconds)


def ask_picked(engine: SearchEngine, picture_id: int, wanted: Wanted) -> Asked:
    """Search from a picture of the collection by its stored embedding; it is not shown as its own neighbour."""
    record = engine.picture(picture_id)
    begun = time.perf_counter()
    vector = engine.vector(record.id)
    looked_up = time.perf_counter()
    hits = engine.search_vectors(vector[None], wanted.k + 1, **wanted.options)[0]
    seconds = {"looked up": looked_up - begun, "searched": time.perf_counter() - looked_up}
    facts = [f"picture {record.id}", f"{record.width} × {record.height} pixels"]
    own = [hit for hit in hits if record.id in (hit.id, *(copy.id for copy in hit.copies or ()))]
    others = [hit for hit in hits if hit not in own][: wanted.k]
    facts += [copies_text(hit) for hit in own if hit.copies]
    facts = [record.label or "no label", *facts]
    return Asked(str(record.path), facts, file_tile(record.path), record.id, others, seconds)


def copies_text(hit: Hit) -> str:
    """How many near copies a hit stands for; empty where for none."""
    count = len(hit.copies or ())
    return f"+{count:,} {'copy' if count == 1 else 'copies'}" if count else ""
