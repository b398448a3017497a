"""The index that all sessions share, of this machine or of a service, opened again after a change."""

from __future__ import annotations

import itertools
import os
import threading
from array import array
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import streamlit as st
from PIL import Image

from app_parts.service_index import connect
from search import SearchEngine, TwinlensError, open_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app_parts.picture_files import PictureFile
    from app_parts.service_index import ServiceIndex
    from search import Hit
    from search.client import Client
    from search.filters.columns import ColumnType
    from search.query.query import Where
    from search.recognition.calibration import Calibration
    from search.recognition.cut_points import CutPoints
    from search.recognition.identities import Identity
    from search.store.records import PictureRecord

Engine: TypeAlias = Union[SearchEngine, "Client"]

KEPT_FILTERS = 8
"""Number of filters whose picture ids are cached: eight megabytes each for a million pictures."""
MOST_CHOICES = 12
"""Number of different values up to which a column of text is offered as choices."""
_numbers = itertools.count()


class SharedIndex:
    """An engine that all sessions share, with cached facts about it; closed when its last user releases it.

    After a commit, the next run opens the index again, while another session may be in the middle of a query. An engine
    is a snapshot, so cached facts stay valid. A service answers from its newest snapshot: facts are those of the one
    that it served when this was made, until `stale` notices a commit.
    """

    def __init__(self, engine: Engine, service: ServiceIndex | None = None) -> None:
        self.engine = engine
        self.service = service
        """Where the engine is; None for an index of this machine."""
        self.number = next(_numbers)
        """Identifies this snapshot in caches, which must not keep it open."""
        self._snapshot = "" if service is None else service.snapshot(now=True)
        self.info = self.engine.info()
        self.labels = self.engine.labels()
        self.embeds_text = _embeds_text(engine)
        self._ids: dict[str, array[int]] = {}
        self._choices: dict[str, list[str]] = {}
        self._reading = threading.Lock()
        self._warmed = False

    def __del__(self) -> None:
        if self.service is None:
            self.engine.close()

    @cached_property
    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata."""
        return self.engine.columns()

    @cached_property
    def calibration(self) -> Calibration | None:
        """The calibration of the index; None if it is not calibrated."""
        return self.engine.calibration

    @cached_property
    def cut_points(self) -> CutPoints | None:
        """The distances by which the strength of a hit is chosen; None if none were measured for the encoder."""
        return self.engine.cut_points

    @property
    def local(self) -> SearchEngine | None:
        """The engine of an index of this machine; None for a service, which cannot do everything."""
        return self.engine if isinstance(self.engine, SearchEngine) else None

    @property
    def stale(self) -> bool:
        """Whether the index has changed since; of a service, as far as is known a few seconds later.

        A service that does not answer now counts as unchanged: what needs it reports that.
        """
        if self.service is None:
            return self.engine.stale
        try:
            return self.service.snapshot() not in ("", self._snapshot)
        except TwinlensError:
            return False

    def replaced(self) -> bool:
        """Whether a service serves another snapshot by now: what was asked of this one may have failed for it."""
        if self.service is None:
            return False
        try:
            return self.service.snapshot(now=True) not in ("", self._snapshot)
        except TwinlensError:
            return False

    def file(self, picture: PictureRecord | Hit) -> PictureFile:
        """The file of a picture of the index, which only this names: the path may be one of another machine."""
        if self.service is None:
            return picture.path
        return self.service.file(self._snapshot, picture.id, picture.path)

    def references(self, identity: Identity) -> list[PictureFile]:
        """The files of the reference pictures of an identity."""
        if self.service is None:
            return list(identity.templates)
        return [
            self.service.reference(self._snapshot, identity.name, number, path)
            for number, path in enumerate(identity.templates)
        ]

    def pictures(self, ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with these ids, in their order; one that was removed meanwhile is left out."""
        known = {record.id: record for record in self.engine.pictures_of(ids)}
        return [known[each] for each in ids if each in known]

    def warm(self) -> None:
        """Load the encoder in the background, so that the first upload need not wait for it."""
        if not self._warmed and self.service is None:
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


def _embeds_text(engine: Engine) -> bool:
    try:
        return engine.embeds_text
    except TwinlensError:  # of a damaged encoder, which is reported once something is to be embedded
        return False


def _embed_something(engine: Engine) -> None:
    with suppress(TwinlensError):  # of a damaged encoder, say, which a search reports; or the index is closed already
        engine.embed(Image.new("RGB", (32, 32)))


_newest: dict[bytes, SharedIndex] = {}
"""The index opened last, at most one; it is kept after its cache entry expires, until its successor is open."""


@st.cache_resource(show_spinner="Opening the index …", max_entries=1, validate=lambda opened: not opened.stale)
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


@st.cache_resource(show_spinner=False, max_entries=1)
def _service(url: str, name: str | None) -> ServiceIndex:
    return connect(url, name)


@st.cache_resource(show_spinner="Asking the service …", max_entries=1, validate=lambda opened: not opened.stale)
def opened_service(url: str, name: str | None) -> SharedIndex:
    """Use an index of a service, once for all sessions; raises TwinlensError if it cannot be used."""
    service = _service(url, name)
    service.client.info()  # opens the index, if the service has just begun
    return SharedIndex(service.client, service)
