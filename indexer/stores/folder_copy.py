"""Copy pictures of an index in Milvus, with their vectors, into an index folder, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from indexer.pipeline.committing import write_blocks
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.sweeping import ENCODERS_FOLDER
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.encoders.foreign import is_foreign
from search.files.writing import make_folder, sync_folder, write_file
from search.filters.iso_dates import stored_moment
from search.store.durable import sealed
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from search.filters.columns import MetadataValue, Stored
    from search.store.catalog import Catalog
    from search.store.milvus.store import MilvusStore
    from search.store.records import PictureRecord

_OF_MILVUS = {"generation", "columns", "index", "layout", "next_id", "encoder_folder"}
"""Settings that a folder does without, or has of its own."""
_FLAT = BuildConfig(kind="flat")


def fill_folder(
    folder: Path,
    store: MilvusStore,
    pages: Iterable[Sequence[PictureRecord]],
    advance: Callable[[int], object] = lambda pictures: None,
) -> None:
    """Make an index folder with the encoder, the settings and some pictures of a store, or continue one.

    Each page becomes a segment by one commit, and `advance` is called with its number of pictures. They keep their ids,
    which ascend from page to page.
    """
    with open_writer(folder, create=True) as catalog:
        if "encoder" not in catalog.settings():
            _begin(catalog, store)
        for page in pages:
            _put(catalog, store, page)
            advance(len(page))


def _begin(catalog: Catalog, store: MilvusStore) -> None:
    """Store the encoder, and name it with the other settings, the columns and the identities."""
    fingerprint, place = store.settings["fingerprint"], None
    records = []
    if not is_foreign(fingerprint):
        place = f"{ENCODERS_FOLDER}/{fingerprint}"
        source = store.encoder_folder()
        make_folder(catalog.folder / place)
        for file in sorted(source.iterdir()):
            write_file(catalog.folder / place / file.name, file.read_bytes())
            records.append(sealed(catalog.folder, f"{place}/{file.name}"))
        sync_folder(catalog.folder / place)
    kept = {name: value for name, value in store.settings.items() if name not in _OF_MILVUS}
    with catalog.transaction():
        catalog.files.add(records)
        known = catalog.metadata.columns()
        catalog.metadata.add_columns(
            {name: kind for name, kind in store.records.columns().items() if name not in known}
        )
        catalog.identities.add(store.templates())
        catalog.set(encoder_folder=place, **kept)


def _put(catalog: Catalog, store: MilvusStore, page: Sequence[PictureRecord]) -> None:
    """Write one page as a segment, and name it with its pictures and their metadata."""
    ids = [record.id for record in page]
    vectors, metadata = store.vectors_of(ids), store.records.metadata(ids)
    segment, files = write_blocks(catalog, [vectors], len(ids), vectors.shape[1], _FLAT, Stages(Silent()))
    assert segment is not None
    columns = tuple(catalog.metadata.columns())
    with catalog.transaction():
        catalog.files.add(files)
        catalog.segments.add(segment, utc_now())
        catalog.pictures.put(replace(record, segment=segment.id, row=row) for row, record in enumerate(page))
        catalog.metadata.put(
            columns, [(key, [_stored(values.get(name)) for name in columns]) for key, values in metadata.items()]
        )


def _stored(value: MetadataValue | None) -> Stored:
    if isinstance(value, datetime):
        return stored_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value


def carried_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a folder that its copy in Milvus has too."""
    return {name: value for name, value in settings.items() if name not in {"generation", "map", "missing"}}
