"""Rebuild an index: all segments become one, with a structure chosen and tuned anew, or the encoder changes too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.merging import merge
from indexer.progress import Silent, Stages
from indexer.reembedding import switch_encoder
from indexer.staging import discard_all
from indexer.update import check_device
from indexer.writer import open_writer
from search.config import BuildConfig
from search.decoder_revision import is_outdated
from search.encoders import load_encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexer.change_report import ChangeReport
    from indexer.progress import Progress
    from search.encoders.base import Encoder


def rebuild(index: str | os.PathLike[str], config: BuildConfig | None = None, *, drop_missing: bool = False,
            progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Merge all segments into one, drop the rows of removed pictures, and choose and tune the structure anew.

    Nothing is embedded for that, and the index answers as before until the one commit at the end. With another encoder,
    or with its own where an earlier version decoded the pictures (`search.decoder_revision`), every picture is embedded
    anew from its file, beside the index; a rebuild that was killed goes on where it was.
    The identities enrolled in the index come along; a calibration belongs to its encoder and does not.

    Args:
        index: the index folder.
        config: the encoder (None: that of the index), the kind and the recall.
        drop_missing: when the encoder changes, let go of pictures and reference pictures whose files are gone or
            cannot be read, instead of refusing.
        progress: who is told.

    Raises:
        DataError: the encoder changes, and the files of some pictures are gone or cannot be read.
        EncoderError: no such encoder.
        IndexFolderError: no index there.
        IndexLockedError: another process is writing it.
    """
    config = config or BuildConfig()
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    check_device(config)
    encoder = None
    if config.encoder is not None:
        with stages.stage("load encoder"):
            encoder = load_encoder(config.encoder, device=config.device)
    with open_writer(folder) as catalog:
        if encoder is not None and _embeds_anew(encoder, catalog.settings()):
            report = switch_encoder(catalog, encoder, config, stages, drop_missing=drop_missing)
        else:
            report = merge(catalog, config, stages)
        discard_all(folder)
        return report


def _embeds_anew(encoder: Encoder, settings: Mapping[str, Any]) -> bool:
    return encoder.fingerprint != settings["fingerprint"] or is_outdated(settings)
