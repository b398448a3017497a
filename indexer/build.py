"""The offline road: scan, read and embed what is new, build the structure, commit."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.index_encoder import choose_encoder, fitting_calibration, new_encoder
from indexer.progress import Silent, Stages
from indexer.scan import labeller, scan
from indexer.update import update
from indexer.writer import open_writer
from search.catalog import has_catalog
from search.config import BuildConfig
from search.encoders import load_encoder
from search.errors import DataError
from search.images import PICTURE_SUFFIXES
from search.indexes import resolve_device

if TYPE_CHECKING:
    from indexer.change_report import ChangeReport
    from indexer.progress import Progress
    from search.encoders.base import Encoder


def build(pictures: str | os.PathLike[str], index: str | os.PathLike[str], config: BuildConfig | None = None, *,
          progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Make an index folder show exactly what a folder of pictures holds.

    The first build makes the index; a later one adds what is new, drops what is gone, follows what was moved, and
    embeds only contents that the index never saw. Pictures that came from other folders stay. A build that was
    killed is continued by running it again. What lies in a folder that cannot be looked into stays too, and is told.

    Raises:
        DataError: no pictures there.
        EncoderError: the encoder is unknown, or is not the one of the index.
        IndexFolderError: the index folder cannot be made, or is a file.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or BuildConfig()
    folder, root = Path(index).absolute(), Path(os.path.normpath(Path(pictures).absolute()))
    stages = Stages(progress or Silent())
    if config.kind != "auto":
        resolve_device(config.device, config.kind)  # what cannot be had is said before the work
    with stages.stage("scan"):
        unreadable: dict[Path, str] = {}
        found = scan(root, leave_out=folder, unreadable=lambda path, error: _note(unreadable, path, error))
        label = labeller(config.labels, root)
    if not found:
        raise DataError(
            f"{pictures}: no pictures below this folder (known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))})"
        )
    new = first_encoder(folder, config, stages)
    with open_writer(folder, create=True) as catalog:
        with stages.stage("load encoder"):
            encoder = choose_encoder(catalog, config, new)
            fitting_calibration(catalog.settings().get("calibration"), encoder, config)  # damage is told at once
        before = [record for record in catalog.pictures() if not _is_hidden(record.path, unreadable)]
        report = update(catalog, encoder, found, before, root, label, config, stages)
    return replace(report, skipped=[*report.skipped, *sorted(unreadable.items())])


def first_encoder(folder: Path, config: BuildConfig, stages: Stages) -> Encoder | None:
    """Load the encoder of an index that is not there yet: one that cannot be had leaves no empty index behind."""
    if has_catalog(folder):
        return None
    with stages.stage("load encoder"):
        return load_encoder(new_encoder(config), device=config.device)


def _note(unreadable: dict[Path, str], path: Path, error: OSError) -> None:
    unreadable[path] = f"cannot be looked into ({error.strerror}); what the index has of it stays"


def _is_hidden(path: Path, unreadable: dict[Path, str]) -> bool:
    """Whether nothing is known of a path because a folder above it could not be looked into."""
    return bool(unreadable) and any(place in unreadable for place in (path, *path.parents))
