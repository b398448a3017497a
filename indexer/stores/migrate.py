"""Copy an index from a folder into Milvus, or back, without embedding a picture again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.collection.rebuild import rebuild
from indexer.pipeline.progress import Silent, Stages
from indexer.stores.folder_copy import carried_settings, fill_folder
from search.config import BuildConfig
from search.encoders.foreign import is_foreign
from search.errors import DataError, StoreError
from search.files.disk_errors import disk_errors_named
from search.files.writing import sync_folder
from search.store.address import MilvusAddress, is_uri, milvus_address
from search.store.catalog import Catalog
from search.store.folder import FolderStore
from search.store.milvus.connection import Connection
from search.store.milvus.index_types import milvus_index
from search.store.milvus.layout import LAYOUT
from search.store.milvus.store import MilvusStore, collection_of
from search.store.milvus.writing import NewCollection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from indexer.pipeline.progress import Progress
    from search.store.milvus.index_types import MilvusIndex
    from search.store.records import PictureRecord

_PAGE_BYTES = 32 * 2**20
"""Size of the vectors that are copied at once into a folder, where they become a segment."""
_SENT_BYTES = 8 * 2**20
"""The same for what is sent to Milvus between two notes of how far it got."""


@dataclass(frozen=True, slots=True)
class MigrateConfig:
    """Settings of a migration."""

    index_type: str | None = None
    """Into Milvus: the type of its index. Defaults to HNSW."""
    params: Mapping[str, int] | None = None
    """Into Milvus: parameters of the index type."""
    force: bool = False
    """Into Milvus: replace the index that is there."""
    build: BuildConfig = field(default_factory=BuildConfig)
    """Into a folder: how its structure is built."""


@dataclass(frozen=True, slots=True)
class MigrateReport:
    """Result of a migration."""

    source: str
    target: str
    pictures: int
    copied: int
    """How many of them this run copied: an earlier one that was interrupted copied the others."""
    dim: int
    encoder: str
    kind: str
    """Type of the index in Milvus, or kind of the structure in the folder."""
    seconds: dict[str, float] = field(default_factory=dict)


def migrate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    config: MigrateConfig | None = None,
    *,
    progress: Progress | None = None,
) -> MigrateReport:
    """Copy an index from a folder into Milvus, or from Milvus into a folder. The source stays as it is.

    Ids, labels, metadata, the encoder, the calibration and the identities are copied; what is retained of removed
    pictures and a kept map are not. The copy becomes visible when it is complete. An interrupted migration continues
    where it stopped when it is run again, unless the source has changed meanwhile.

    Args:
        source: an index folder, or the URI of an index in Milvus.
        target: the other one of the two.
        config: settings; defaults to `MigrateConfig()`.
        progress: callback for progress updates.

    Raises:
        DataError: both are folders, or both are in Milvus; or the target folder exists.
        StoreError: the server does not answer, or there is another index at the target.
        IndexFolderError: the source folder holds no index, or a damaged one.
        UnsupportedError: a package is missing, or Milvus cannot hold the index or has no such index type.
        DiskError: the disk failed, is full, or refused.
    """
    config, stages = config or MigrateConfig(), Stages(progress or Silent())
    if is_uri(source) == is_uri(target):
        both = "both in Milvus" if is_uri(source) else "both folders"
        raise DataError(f"{source} and {target} are {both}: one of the two must be a folder, and the other in Milvus")
    if is_uri(target):
        return _to_milvus(Path(source).absolute(), milvus_address(str(target)), config, stages)
    return _to_folder(str(source), Path(target).absolute(), config, stages)


# Into Milvus ---------------------------------------------------------------------------------------------------------


def _to_milvus(folder: Path, address: MilvusAddress, config: MigrateConfig, stages: Stages) -> MigrateReport:
    index = milvus_index(config.index_type, config.params, lite=address.file is not None)
    with ExitStack() as opened:
        source = FolderStore(folder, "cpu")
        opened.callback(source.close)
        encoder = _encoder_files(source)
        connection = Connection(address)
        opened.callback(connection.close)
        tag = _tag(source, index)
        if connection.read("has_collection", address.collection):
            present = collection_of(connection)
            if not config.force:
                raise StoreError(f"{address}: already holds an index. --force replaces it")
            if present == f"{address.collection}__{tag}":
                tag += "b"  # the same again, beside itself
        dim, count = source.snapshot.dim, source.records.count()
        target = NewCollection(connection, tag, source.records.columns(), dim)
        try:
            copied = _send(source, target, count, dim, stages)
        except DataError:  # would come again
            target.drop()
            raise
        settings = carried_settings(source.settings) | {
            "columns": list(source.records.columns().items()),
            "index": index.to_dict(),
            "generation": 1,
            "next_id": source.snapshot.catalog.pictures.greatest_id() + 1,
        }
        with stages.stage("build index"):
            target.finish(settings, index, encoder, source.templates(), count)
        return MigrateReport(
            str(folder), str(address), count, copied, dim, settings["encoder"], index.type, stages.seconds
        )


def _send(source: FolderStore, target: NewCollection, count: int, dim: int, stages: Stages) -> int:
    """Copy the pictures that an earlier run has not copied; return how many."""
    reached, copied = target.reached(), 0
    with stages.stage("copy", count):
        stages.progress.advance(sum(key <= reached for key in source.records.ids()))
        for page in _pages(source, reached, max(1, _SENT_BYTES // (4 * dim))):
            ids = [record.id for record in page]
            target.put(page, source.records.metadata(ids), source.vectors_of(ids))
            copied += len(page)
            stages.progress.advance(len(page))
    return copied


def _encoder_files(source: FolderStore) -> list[Path]:
    """The verified files of the encoder; none if the vectors were made elsewhere."""
    if is_foreign(source.settings["fingerprint"]):
        return []
    place, folder = source.encoder_folder(), source.snapshot.folder
    files = [folder / record.name for record in source.snapshot.files.values()]
    return [file for file in files if file.parent == place]


def _tag(source: FolderStore, index: MilvusIndex) -> str:
    """Identifies the copy of one state of one folder, with one index type."""
    settings = source.settings
    facts: list[Any] = [str(source.snapshot.folder), settings.get("generation"), settings["created"]]
    facts += [settings["fingerprint"], index.to_dict(), LAYOUT]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _pages(source: FolderStore | MilvusStore, after: int, rows: int) -> Iterator[Sequence[PictureRecord]]:
    while page := source.records.page(after=after, limit=rows):
        yield page
        after = page[-1].id


# Into a folder -------------------------------------------------------------------------------------------------------


def _to_folder(uri: str, folder: Path, config: MigrateConfig, stages: Stages) -> MigrateReport:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists. Name a new folder")
    with closing(MilvusStore(uri, "cpu")) as store:
        settings, count = store.settings, store.records.count()
        facts = [store.collection, settings["generation"]]
        tag = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
        part = folder.parent / f".{folder.name[:100]}.{tag}.migrating"
        before = copy_into(part, store, stages)
        if store.stale or count != store.records.count():
            shutil.rmtree(part, ignore_errors=True)
            raise StoreError(f"{uri}: was changed during the migration. Run it again")
        report = rebuild(part, config.build, progress=stages.progress)
        with disk_errors_named(folder):
            if folder.is_dir():
                folder.rmdir()
            part.rename(folder)
            sync_folder(folder.parent)
        return MigrateReport(
            uri,
            str(folder),
            count,
            count - before,
            int(settings["dim"]),
            settings["encoder"],
            report.kind or "flat",
            stages.seconds | report.seconds,
        )


def copy_into(folder: Path, store: MilvusStore, stages: Stages) -> int:
    """Copy all pictures of a store into an index folder, or continue to; return how many were there already."""
    reached, before, count = 0, 0, store.records.count()
    if (folder / "catalog.sqlite").exists():
        with closing(Catalog.read(folder)) as catalog:
            reached, before = catalog.pictures.greatest_id(), catalog.pictures.count()
    rows = max(1, _PAGE_BYTES // (4 * int(store.settings["dim"])))
    with stages.stage("copy", count):
        stages.progress.advance(before)
        fill_folder(folder, store, _pages(store, reached, rows), stages.progress.advance)
    return before
