"""Rebuild an index: all segments become one, with a structure chosen and tuned anew, or the encoder changes too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.collection.reembedding import switch_encoder
from indexer.collection.update import check_device
from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.committing import write_blocks
from indexer.pipeline.index_encoder import own_encoder, replace_encoder_files, resaved_encoder
from indexer.pipeline.picture_views import PictureViews
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.staging import discard_all
from indexer.pipeline.stored_vectors import StoredVectors
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.encoders import load_encoder
from search.errors import QueryError
from search.filters.language import condition_of
from search.pictures.decoder_revision import is_outdated
from search.store.json_values import MOST_DAYS
from search.store.retained import DAYS_SETTING
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog


def rebuild(
    index: str | os.PathLike[str],
    config: BuildConfig | None = None,
    *,
    drop_missing: bool = False,
    purge: bool = False,
    retain_days: int | None = None,
    progress: Progress | None = None,
) -> ChangeReport:
    """Merge all segments into one, drop the rows of removed pictures, and choose and tune the structure again.

    The encoder is saved again if another precision is requested, or if it lacks a conversion for OpenVINO.
    Nothing is embedded for that, and the index answers as before until the single commit at the end. With another
    encoder, or with its own if an earlier version decoded the pictures (`search.pictures.decoder_revision`), every
    picture is embedded again from its file, beside the index; a killed rebuild continues where it stopped. Enrolled
    identities are kept; a calibration belongs to its encoder and is not kept.

    Args:
        index: the index folder.
        config: the encoder (defaults to that of the index), the kind and the recall.
        drop_missing: when the encoder changes, remove pictures and reference pictures whose files are gone or cannot
            be read, instead of raising DataError.
        purge: delete what is retained of removed pictures: metadata, labels, enrolments.
        retain_days: days for which they are retained from now on; 0 retains nothing. Defaults to the stored value.
        progress: callback for progress updates.

    Raises:
        DataError: the encoder changes, and the files of some pictures are gone or cannot be read.
        EncoderError: the encoder is unknown.
        QueryError: `retain_days` is out of range.
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    config = config or BuildConfig()
    if retain_days is not None and not 0 <= retain_days <= MOST_DAYS:
        raise QueryError(f"metadata of removed pictures is retained for 0 to {MOST_DAYS:,} days, not {retain_days}")
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    check_device(config)
    encoder = None
    if config.encoder is not None:
        with stages.stage("load encoder"):
            encoder = load_encoder(config.encoder, device=config.device, precision=config.precision)
    with open_writer(folder) as catalog:
        purged = _forget(catalog, retain_days, purge=purge)
        if encoder is not None and _must_embed_again(encoder, catalog.settings()):
            report = switch_encoder(catalog, encoder, config, stages, drop_missing=drop_missing)
        else:
            report = _merge(catalog, config, stages)
        discard_all(folder)
        if purge:
            report.notes.append(f"deleted what was retained of {purged} removed pictures")
        return report


def _merge(catalog: Catalog, config: BuildConfig, stages: Stages) -> ChangeReport:
    """Merge all rows that have a picture into one segment, sorted by id; there is no segment without pictures."""
    dim = int(catalog.settings()["dim"])
    stored = StoredVectors(catalog, dim)
    blocks = (stored.take(places) for places in catalog.places.pages())
    count = catalog.pictures.count()
    views = PictureViews(
        lambda rows: _paths(catalog, rows), lambda: own_encoder(catalog, config.device), config.workers
    )
    segment, files = write_blocks(catalog, blocks, count, dim, config, stages, views=views, afresh=True)
    encoder_files = resaved_encoder(catalog, config)
    with stages.stage("commit"), catalog.transaction():
        if encoder_files:
            replace_encoder_files(catalog, encoder_files)
        catalog.files.add(files)
        catalog.segments.replace_all(segment, utc_now())
        catalog.set(updated=utc_now())
    report = ChangeReport.of_rebuild(catalog, segment, stages.seconds)
    report.unchanged = report.images
    return report


def _paths(catalog: Catalog, rows: Sequence[int]) -> list[Path]:
    """The files of pictures by their position in the order of ids."""
    ids = catalog.metadata.numbers("pictures.id", condition_of(None))
    chosen = [ids[row] for row in rows]
    path_of = {record.id: record.path for record in catalog.pictures.of(chosen)}
    return [path_of[key] for key in chosen]


def _must_embed_again(encoder: Encoder, settings: Mapping[str, Any]) -> bool:
    return encoder.fingerprint != settings["fingerprint"] or is_outdated(settings)


def _forget(catalog: Catalog, retain_days: int | None, *, purge: bool) -> int:
    """Set `retain_days` and purge, if given; return how many removed pictures were purged."""
    if retain_days is None and not purge:
        return 0
    before = catalog.retained.count()
    with catalog.transaction():
        if retain_days is not None:
            catalog.set(**{DAYS_SETTING: retain_days})
        if purge:
            catalog.retained.purge()
    return before - catalog.retained.count()
