"""Build an index of a folder of pictures in Milvus, or bring it up to date with the folder."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from indexer.collection.build import build
from indexer.pipeline.progress import Silent, Stages
from indexer.stores.migrate import MigrateConfig, copy_into, migrate
from indexer.stores.working_copy import discard, forget_structure, send_back, working_folder
from search.config import BuildConfig
from search.store.address import milvus_address
from search.store.milvus.connection import Connection
from search.store.milvus.index_types import milvus_index
from search.store.milvus.store import MilvusStore

if TYPE_CHECKING:
    import os

    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress


def build_in_store(
    pictures: str | os.PathLike[str],
    uri: str,
    config: BuildConfig | None = None,
    migration: MigrateConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Make an index in Milvus contain exactly the pictures of a folder: see `indexer.build`.

    A new index is built in a folder of the cache, and then copied; a build that was killed continues when it is run
    again. An existing index is copied into the cache, brought up to date there, and the differences are sent back.

    Args:
        pictures: the folder of pictures.
        uri: the URI of the index.
        config: as for `indexer.build`; its kind is that of the working copy only.
        migration: type and parameters of the index in Milvus; an existing one keeps its own.
        progress: callback for progress updates.

    Raises:
        StoreError: the server does not answer, or the name is taken.
        UnsupportedError: a package is missing, or Milvus has no such index type.
        (and as `indexer.build`)
    """
    address, migration = milvus_address(uri), migration or MigrateConfig()
    milvus_index(migration.index_type, migration.params, lite=address.file is not None)  # before the work
    config = config or BuildConfig(kind="flat")
    with closing(Connection(address)) as connection:
        exists = connection.read("has_collection", address.collection)
    folder = working_folder(address.text, "build")
    if not exists:
        report = build(pictures, folder, config, progress=progress)
        migrate(folder, uri, migration, progress=progress)
        discard(folder)
        forget_structure(report, report.images)
        return report
    stages = Stages(progress or Silent())
    with closing(MilvusStore(uri, config.device)) as store:
        discard(folder)
        try:
            copy_into(folder, store, stages)
            before = store.records.page()
            report = build(pictures, folder, config, progress=progress)
            with stages.stage("send"):
                send_back(store, folder, before)
        finally:
            discard(folder)
        forget_structure(report, store.records.count())
        return report
