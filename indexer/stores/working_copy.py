"""Change an index in Milvus by the verbs for folders: on a working copy of the pictures concerned, which is sent back.

The working copy is an index folder in the cache. Before the change it holds pictures of the store, under their ids;
afterwards those that differ, and new ones, are written into the store by their id.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from indexer.pipeline.stored_vectors import StoredVectors
from indexer.stores.folder_copy import carried_settings
from search.chunks import chunks
from search.store.catalog import Catalog
from search.store.milvus.encoder_cache import cache_folder
from search.store.milvus.writing import next_id, note_change, put_entities, remove_entities

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from indexer.pipeline.change_report import ChangeReport
    from search.store.milvus.store import MilvusStore
    from search.store.records import PictureRecord

_AT_ONCE = 4_096
_KEPT = {"roots", "labels", "label_rule", "exclude", "decoder"}
"""Settings that a change of pictures may change."""


def working_folder(uri: str, purpose: str) -> Path:
    """Where the working copy of an index is."""
    return cache_folder() / "work" / hashlib.sha256(f"{purpose}\n{uri}".encode()).hexdigest()[:16]


def discard(folder: Path) -> None:
    """Delete a working copy."""
    shutil.rmtree(folder, ignore_errors=True)


def forget_structure(report: ChangeReport, images: int) -> None:
    """Report on the store, with so many pictures, what was done to its working copy, which had a structure too."""
    report.images, report.segments, report.notes = images, 0, []
    report.kind = report.recall = report.tuning = None


@dataclass(frozen=True, slots=True)
class Differences:
    """What a change made of the pictures of a working copy."""

    put: list[PictureRecord]
    """Changed and new pictures; a new one has an id that the store has not."""
    removed: list[int]


def differences(catalog: Catalog, before: Iterable[PictureRecord]) -> Differences:
    """Compare a working copy with what was copied into it."""
    known = {record.id: record for record in before}
    put, present = [], set()
    for page in catalog.pictures.pages():
        for record in page:
            present.add(record.id)
            old = known.get(record.id)
            if old is None or replace(old, segment=record.segment, row=record.row) != record:
                put.append(record)
    return Differences(put, sorted(known.keys() - present))


def send_back(store: MilvusStore, folder: Path, before: Iterable[PictureRecord]) -> None:
    """Write the differences of a working copy into its store.

    Ids of new pictures are reserved first, so that none is used twice, even if the process is killed in between.
    """
    known = list(before)
    with closing(Catalog.read(folder)) as catalog:
        changes, settings = differences(catalog, known), catalog.settings()
        old = {record.id for record in known}
        first, new = next_id(store), [record.id for record in changes.put if record.id not in old]
        renamed = {key: first + number for number, key in enumerate(new)}
        kept = {name: value for name, value in carried_settings(settings).items() if name in _KEPT}
        if not changes.put and not changes.removed and all(store.settings.get(name) == kept[name] for name in kept):
            return
        note_change(store, next_id=first + len(new), **kept)
        stored = StoredVectors(catalog, int(settings["dim"]))
        for part in chunks(changes.put, _AT_ONCE):
            metadata = catalog.metadata.of([record.id for record in part])
            named = [replace(record, id=renamed.get(record.id, record.id)) for record in part]
            values = {new.id: metadata.get(record.id, {}) for new, record in zip(named, part, strict=True)}
            vectors = stored.take([(record.segment, record.row) for record in part])
            put_entities(store.connection, store.collection, store.records.fields, named, values, vectors)
        if changes.removed:
            remove_entities(store, changes.removed)
