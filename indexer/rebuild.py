"""Rebuild an index: one segment in place of many, a structure chosen anew, perhaps another encoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.change_report import ChangeReport
from indexer.committing import StoredVectors, write_rows
from indexer.index_encoder import fitting_calibration, name_encoder, now, store_encoder
from indexer.progress import Silent, Stages
from indexer.reembedding import Reembedded, reembed
from indexer.writer import open_writer
from search.config import BuildConfig
from search.encoders import load_encoder
from search.errors import IndexFolderError
from search.indexes import resolve_device

if TYPE_CHECKING:
    import os

    from indexer.progress import Progress
    from search.catalog import Catalog
    from search.encoders.base import Encoder
    from search.records import FileRecord, PictureRecord
    from search.types import Floats

_PAGE = 10_000
"""Pictures whose records are held at once."""


@dataclass(slots=True)
class _Rows:
    """What the one segment will hold: row n is the picture `ids[n]`."""

    ids: list[int]
    vectors: Floats
    again: Reembedded | None = None
    """What another encoder made of the pictures; None where the vectors are those of before."""
    notes: list[str] = field(default_factory=list)


def rebuild(index: str | os.PathLike[str], config: BuildConfig | None = None, *, drop_missing: bool = False,
            progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Merge all segments of an index into one, drop the rows of removed pictures, build and tune its structure anew.

    Nothing is embedded, unless `config.encoder` names another encoder: then every picture is read and embedded again,
    beside the old index, which answers until the one commit that switches encoder, vectors and enrolled identities. A
    rebuild that was killed goes on where it was. The calibration of the old encoder is dropped with it.

    Args:
        index: the index folder.
        config: `encoder`, `kind`, `recall`, `device`, `batch_size` and `workers` as of `build`.
        drop_missing: with another encoder, leave out pictures and references whose files are gone or unreadable.
        progress: who is told.

    Raises:
        DataError: files that cannot be embedded again, and `drop_missing` was not given; nothing was changed.
        EncoderError: the encoder is unknown.
        IndexFolderError: no index there, or a damaged one.
        IndexLockedError: another process is writing it.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or BuildConfig()
    stages = Stages(progress or Silent())
    if config.kind != "auto":
        resolve_device(config.device, config.kind)
    with open_writer(Path(index).absolute()) as catalog:
        settings = catalog.settings()
        if "encoder" not in settings:
            raise IndexFolderError(f"{index}: its first build was not finished. Run the same twinlens build again")
        with stages.stage("load encoder"):
            encoder = _other_encoder(catalog, config)
        if encoder is None:
            rows = _stored_rows(catalog, int(settings["dim"]), stages)
        else:
            again = reembed(catalog, encoder, config, stages, drop_missing=drop_missing)
            rows = _Rows(again.ids, again.vectors, again)
        segment, files = write_rows(catalog, rows.vectors, config, stages)
        with stages.stage("commit"):
            calibration = settings.get("calibration")
            stored: list[FileRecord] = []
            if encoder is not None:
                stored = store_encoder(catalog.folder, encoder)
                calibration = fitting_calibration(None, encoder, config)
                if settings.get("calibration") and calibration is None:
                    rows.notes.append("the calibration of the old encoder was dropped: run twinlens calibrate again")
            with catalog.transaction():
                if encoder is not None and rows.again is not None:
                    _switch(catalog, encoder, stored, rows.again, settings["encoder_folder"])
                catalog.add_files(files)
                catalog.replace_segments(segment, rows.ids, now())
                catalog.set(calibration=calibration, updated=now())
        if rows.again is not None:
            rows.again.staging.discard()
        return ChangeReport(
            images=catalog.count(),
            encoder=str(catalog.settings()["encoder"]),
            removed=0 if rows.again is None else len(rows.again.missing),
            unchanged=len(rows.ids),
            embedded=0 if rows.again is None else rows.again.embedded,
            skipped=[] if rows.again is None else rows.again.left_out(),
            kind=None if segment is None else segment.kind,
            recall=None if segment is None else segment.recall,
            seconds=stages.seconds,
            notes=rows.notes,
        )


def _other_encoder(catalog: Catalog, config: BuildConfig) -> Encoder | None:
    """The encoder that was asked for, where it is not the one of the index."""
    if config.encoder is None:
        return None
    asked = load_encoder(config.encoder, device=config.device)
    return None if asked.fingerprint == catalog.settings()["fingerprint"] else asked


def _stored_rows(catalog: Catalog, dim: int, stages: Stages) -> _Rows:
    """Every picture by ascending id, with its stored vector."""
    count = catalog.count()
    ids: list[int] = []
    vectors = np.empty((count, dim), dtype=np.float32)
    stored = StoredVectors(catalog, dim)
    with stages.stage("merge", count):
        while page := catalog.pictures(after=ids[-1] if ids else 0, limit=_PAGE):
            vectors[len(ids) : len(ids) + len(page)] = stored.of(page)
            ids += [picture.id for picture in page]
            stages.progress.advance(len(page))
    return _Rows(ids, vectors)


def _switch(catalog: Catalog, encoder: Encoder, stored: list[FileRecord], again: Reembedded, old: str | None) -> None:
    """Give the index another encoder, and what it made of pictures and references; within a transaction."""
    catalog.drop_files([each.name for each in catalog.files() if each.name.startswith(f"{old}/")])
    name_encoder(catalog, encoder, stored)
    catalog.remove_pictures(again.missing)
    catalog.put_pictures(_with_content(again.records, again))
    catalog.update_templates(again.templates)
    for template in again.missing_templates:
        catalog.remove_template(template.identity, template.content)


def _with_content(records: list[PictureRecord], again: Reembedded) -> list[PictureRecord]:
    """Pictures whose files changed since they were indexed, as they are now."""
    return [replace(record, **again.changed[record.id]) for record in records if record.id in again.changed]
