"""Make an index of a folder of pictures, or bring it up to date with the folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.sync import FolderUpdate
from indexer.collection.update import check_device
from indexer.pipeline.index_encoder import new_encoder
from indexer.pipeline.index_place import check_place
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.encoders import load_encoder
from search.store.catalog import has_catalog

if TYPE_CHECKING:
    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder


def build(
    pictures: str | os.PathLike[str],
    index: str | os.PathLike[str],
    config: BuildConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Make an index contain exactly the pictures of a folder.

    The first build makes the index. A later one works like `sync`: it adds new pictures, removes missing ones, follows
    moved ones, and embeds only contents that were never embedded. Pictures from other folders stay. Running a killed
    build again continues it. Pictures in a folder that cannot be read stay in the index, and the folder is reported.

    Args:
        pictures: the folder.
        index: the index folder.
        config: encoder, kind of index, labels, patterns; see `BuildConfig`.
        progress: callback for progress updates.

    Raises:
        DataError: the folder does not exist, cannot be read, or holds no pictures.
        EncoderError: the encoder is unknown, or it or its precision is not that of the index.
        IndexFolderError: the index folder cannot be made, is a file, or holds other files and no index.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or BuildConfig()
    folder = Path(index).absolute()
    stages = Stages(progress or Silent())
    check_device(config)
    check_place(folder)
    update = FolderUpdate.scan(pictures, folder, config, stages)
    encoder = first_encoder(folder, config, stages)
    with open_writer(folder, create=True) as catalog:
        return update.run(catalog, encoder)


def first_encoder(folder: Path, config: BuildConfig, stages: Stages) -> Encoder | None:
    """Load the encoder of a new index before it is created, so that an error leaves no empty index behind."""
    if has_catalog(folder):
        return None
    with stages.stage("load encoder"):
        return load_encoder(new_encoder(config), device=config.device, precision=config.precision)
