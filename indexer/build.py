"""The offline road: scan, read and embed what is new, build the structure, commit."""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.changes import compare, is_same
from indexer.embed import embed_files
from indexer.lock import writer_lock
from indexer.progress import Silent, Stages
from indexer.scan import labeller, scan
from indexer.staging import Staging
from indexer.tune import build_structure
from search.catalog import CATALOG_NAME, Catalog
from search.config import BuildConfig
from search.durable import sealed, sync_folder
from search.encoders import load_encoder
from search.errors import DataError, EncoderError, IndexFolderError
from search.images import PICTURE_SUFFIXES
from search.indexes import resolve_device
from search.records import SegmentRecord
from search.segments import map_guarded, write_segment
from search.stored_calibration import encoder_calibration

if TYPE_CHECKING:
    from indexer.changes import Changes
    from indexer.progress import Progress
    from search.encoders.base import Encoder
    from search.records import FileRecord, PictureRecord
    from search.types import Floats
    from search.vector_file import BlockGuard

ENCODERS_FOLDER = "encoders"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did; `seconds` by stage, `skipped` as (path, reason)."""

    images: int
    added: int
    changed: int
    moved: int
    removed: int
    unchanged: int
    embedded: int
    skipped: list[tuple[Path, str]]
    encoder: str
    kind: str | None
    recall: float | None
    seconds: dict[str, float] = field(default_factory=dict)


def build(pictures: str | os.PathLike[str], index: str | os.PathLike[str], config: BuildConfig | None = None, *,
          progress: Progress | None = None) -> BuildReport:  # fmt: skip
    """Make an index folder show exactly what a folder of pictures holds.

    The first build makes the index; a later one adds what is new, drops what is gone, follows what was moved, and
    embeds only contents that the index never saw. Pictures that came from other folders stay. A build that was
    killed is continued by running it again.

    Raises:
        DataError: no pictures there.
        EncoderError: the encoder is unknown, or is not the one of the index.
        IndexFolderError: the index folder cannot be made, or is a file.
        IndexLockedError: another process is writing this index.
    """
    config = config or BuildConfig()
    root, folder = Path(pictures).absolute(), Path(index).absolute()
    root = Path(os.path.normpath(root))
    stages = Stages(progress or Silent())
    if config.kind != "auto":
        resolve_device(config.device, config.kind)  # what cannot be had is said before the work
    with stages.stage("scan"):
        found = scan(root, leave_out=folder)
        label = labeller(config.labels, root)
    if not found:
        raise DataError(
            f"{pictures}: no pictures below this folder (known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))})"
        )
    new = None
    if not (folder / CATALOG_NAME).exists():  # an encoder that cannot be had leaves no empty index behind
        with stages.stage("load encoder"):
            new = load_encoder(new_encoder(config), device=config.device)
    make_folder(folder)
    with writer_lock(folder):
        catalog = Catalog.write(folder)
        try:
            sweep(catalog)
            with stages.stage("load encoder"):
                encoder = choose_encoder(catalog, config, new)
                fitting_calibration(catalog.settings().get("calibration"), encoder, config)  # damage is told at once
            staging = Staging(folder, encoder.fingerprint)
            try:
                before = catalog.pictures()
                known = {r.content: (r.width, r.height) for r in catalog.embedded().values()} | staging.sizes()
                old, staged = {record.path: record for record in before}, staging.looked_at()
                todo = [f for f in found if not is_same(old.get(f.path), f) and not is_same(staged.get(f.path), f)]
                with stages.stage("embed", len(todo)):
                    embedded = embed_files(todo, encoder, staging, known, batch_size=config.batch_size,
                                           workers=config.workers, stages=stages)  # fmt: skip
                changes = compare(found, staging.looked_at(), before, root, label, known)
                vectors = gather(catalog, staging, changes, encoder.dim)
                kind, recall = commit(catalog, encoder, changes, vectors, config, stages)
            except BaseException:
                staging.close()
                raise
            staging.discard()
            return BuildReport(
                images=catalog.count(), added=len(changes.added), changed=len(changes.changed),
                moved=len(changes.moved), removed=len(changes.removed), unchanged=changes.unchanged,
                embedded=embedded, skipped=[(s.path, s.reason) for s in changes.skipped],
                encoder=encoder.name, kind=kind, recall=recall, seconds=stages.seconds,
            )  # fmt: skip
        finally:
            catalog.close()


def make_folder(folder: Path) -> None:
    """Make an index folder unless it is there; raises IndexFolderError where none can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error


def choose_encoder(catalog: Catalog, config: BuildConfig, new: Encoder | None) -> Encoder:
    """Load the encoder of the index; where it has none yet, take the new one, or load the one that was asked for."""
    settings = catalog.settings()
    if "encoder" not in settings:
        return new or load_encoder(new_encoder(config), device=config.device)
    own = load_encoder(catalog.folder / settings["encoder_folder"], device=config.device)
    if config.encoder and load_encoder(config.encoder, device=config.device).fingerprint != own.fingerprint:
        raise EncoderError(
            f"{catalog.folder}: was built with the encoder {settings['encoder']}, and vectors of two encoders cannot be"
            f" compared. Leave --encoder out, or build {config.encoder} into another folder"
        )
    return own


def new_encoder(config: BuildConfig) -> str:
    """Name the encoder of an index that has none yet."""
    return config.encoder or BuildConfig.default_encoder


def gather(catalog: Catalog, staging: Staging, changes: Changes, dim: int) -> Floats:
    """Collect the vectors `(N, dim) float32` of the pictures that need a row: changed ones first, then added ones.

    In this order the rows of a segment ascend with the ids of their pictures, so that ties by row are ties by id.
    """
    needed = _rows_needed(changes)
    vectors = np.empty((len(needed), dim), dtype=np.float32)
    stored: dict[int, tuple[Floats, BlockGuard | None]] = {}
    places = catalog.embedded()
    records = {record.id: record for record in catalog.segments()}
    files = {file.name: file for file in catalog.files()}
    for place, picture in enumerate(needed):
        staged = staging.vector(picture.content)
        if staged is not None:
            vectors[place] = staged
            continue
        known = places[picture.content]
        if known.segment not in stored:
            record = records[known.segment]
            stored[known.segment] = map_guarded(catalog.folder, files[record.vectors], (record.rows, dim))
        held, guard = stored[known.segment]
        if guard is not None:  # damage is not copied into a file with new checksums
            guard.use(np.array([known.row]))
        vectors[place] = held[known.row]
    return vectors


def commit(catalog: Catalog, encoder: Encoder, changes: Changes, vectors: Floats, config: BuildConfig,
           stages: Stages) -> tuple[str | None, float | None]:  # fmt: skip
    """Write the new segment aside, then make everything visible in one transaction."""
    first = "encoder" not in catalog.settings()
    files: list[FileRecord] = []
    segment: SegmentRecord | None = None
    if len(vectors):
        with stages.stage("build structure"):
            structure, recall = build_structure(vectors, kind=config.kind, recall=config.recall, device=config.device)
        with stages.stage("write"):
            names = write_segment(catalog.folder, vectors, structure)
            files += names[2]
            segment = SegmentRecord(catalog.next_segment_id(), names[0], names[1], len(vectors), structure.kind,
                                    structure.parameters, recall)  # fmt: skip
    with stages.stage("commit"):
        stored = store_encoder(catalog.folder, encoder) if first else []
        now = datetime.now(UTC).isoformat(timespec="seconds")
        calibration = fitting_calibration(catalog.settings().get("calibration"), encoder, config)
        with catalog.transaction():
            if first:
                name_encoder(catalog, encoder, stored, now)
            catalog.set(calibration=calibration)
            if first or changes:
                catalog.set(updated=now)
            catalog.add_files(files)
            catalog.remove_pictures(changes.removed)
            catalog.bury(changes.replaced)
            catalog.put_pictures(changes.moved + changes.updated)
            if segment is not None:
                catalog.add_segment(segment, now)
                rows = enumerate(_rows_needed(changes))
                catalog.put_pictures(replace(p, segment=segment.id, row=row) for row, p in rows)
            catalog.replace_skipped(changes.skipped)
    return (None, None) if segment is None else (segment.kind, segment.recall)


def commit_encoder(catalog: Catalog, encoder: Encoder, config: BuildConfig) -> None:
    """Make an index that has an encoder, perhaps its calibration, and no pictures."""
    stored, now = store_encoder(catalog.folder, encoder), datetime.now(UTC).isoformat(timespec="seconds")
    calibration = fitting_calibration(None, encoder, config)
    with catalog.transaction():
        name_encoder(catalog, encoder, stored, now)
        catalog.set(calibration=calibration, updated=now)


def name_encoder(catalog: Catalog, encoder: Encoder, stored: list[FileRecord], now: str) -> None:
    """Say in the catalog which encoder the index has from now on; within a transaction."""
    catalog.add_files(stored)
    catalog.set(encoder=encoder.name, fingerprint=encoder.fingerprint, encoder_folder=_place(encoder), dim=encoder.dim,
                created=now)  # fmt: skip


def _place(encoder: Encoder) -> str:
    return f"{ENCODERS_FOLDER}/{encoder.fingerprint}"


def store_encoder(folder: Path, encoder: Encoder) -> list[FileRecord]:
    """Write the encoder into the index folder, synced, so that the folder needs nothing else to answer."""
    place = _place(encoder)
    target = folder / place
    aside = folder / ENCODERS_FOLDER / f"{uuid.uuid4().hex}.part"
    aside.mkdir(parents=True)
    encoder.save(aside)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    records = [sealed(folder, f"{place}/{file.name}") for file in sorted(target.iterdir())]
    sync_folder(target)
    sync_folder(target.parent)
    return records


def fitting_calibration(own: Any, encoder: Encoder, config: BuildConfig) -> dict[str, Any] | None:
    """The index's own calibration, if it is of this encoder; else that of the encoder's folder, if it has one.

    Raises:
        EncoderError: the folder's calibration is damaged, or of another encoder.
    """
    if isinstance(own, dict) and own.get("fingerprint") == encoder.fingerprint:
        return own
    found = encoder_calibration(new_encoder(config), encoder.fingerprint)
    return None if found is None else found.to_dict()


def sweep(catalog: Catalog) -> None:
    """Delete what a killed writer left: files that the catalog does not name."""
    named = {record.name for record in catalog.files()}
    for part in ("segments", ENCODERS_FOLDER):
        for path in sorted((catalog.folder / part).rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(catalog.folder).as_posix() not in named:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _rows_needed(changes: Changes) -> list[PictureRecord]:
    return sorted(changes.changed, key=lambda picture: picture.id) + changes.added
