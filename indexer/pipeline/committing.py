"""The last stages of a change: write the segment of its pictures aside, then make all of it visible at once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.labels import NONE
from indexer.pipeline.exif import put_exif
from indexer.pipeline.index_encoder import (
    fitting_calibration,
    name_encoder,
    new_index_settings,
    own_encoder,
    store_encoder,
)
from indexer.pipeline.labelling import SETTING as LABEL_SOURCES
from indexer.pipeline.labelling import names_csv, remembered_sources
from indexer.pipeline.library import known_roots, store_root
from indexer.pipeline.matrix import gathered
from indexer.pipeline.missing import differs_from_stored, missing_after, store_missing
from indexer.pipeline.picture_views import PictureViews
from indexer.pipeline.returning import restore, returning_templates
from indexer.tuning.structure import build_structure
from search.store.records import SegmentRecord
from search.store.segments import write_segment
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexer.pipeline.changes import Changes
    from indexer.pipeline.known_contents import KnownContents
    from indexer.pipeline.progress import Stages
    from indexer.tuning.probes import Views
    from indexer.tuning.structure import Built
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import FileRecord
    from search.types import Floats


def write_blocks(
    catalog: Catalog,
    blocks: Iterable[Floats],
    rows: int,
    dim: int,
    config: BuildConfig,
    stages: Stages,
    *,
    views: Views | None = None,
    afresh: bool = False,
) -> tuple[SegmentRecord | None, list[FileRecord]]:
    """Build the structure over vectors `(rows, dim)` that come in blocks, and write both, synced.

    Args:
        catalog: the index.
        blocks: the vectors.
        rows: number of all vectors.
        dim: their dimensions.
        config: how the structure is built.
        stages: measures the time and reports progress.
        views: embeds changed versions of the pictures of rows; None where only vectors are there.
        afresh: try all candidates of `auto` again, whatever was chosen for other segments.

    Returns:
        The record of the segment and those of its files; None if there are no vectors.
    """
    with ExitStack() as opened:
        with stages.stage("gather vectors"):
            vectors = opened.enter_context(gathered(catalog.folder, blocks, rows, dim))
        if not len(vectors):
            return None, []
        earlier = [] if afresh else catalog.segments.records()
        with stages.stage("build structure"):
            built = build_structure(vectors, config, views=views, earlier=earlier)
        return _written(catalog, vectors, built, stages)


def _written(catalog: Catalog, vectors: Floats, built: Built, stages: Stages) -> tuple[SegmentRecord, list[FileRecord]]:
    structure = built.structure
    with stages.stage("write"):
        name, structure_name, files = write_segment(catalog.folder, vectors, structure)
    record = SegmentRecord(
        catalog.segments.next_id(),
        name,
        structure_name,
        len(vectors),
        structure.kind,
        structure.parameters,
        built.recall,
        built.tuning,
    )
    return record, files


@dataclass(frozen=True, slots=True)
class CommitScope:
    """The files that were read: a commit only updates the list of unreadable files for these."""

    paths: list[Path]
    root: Path | None = None
    """The folder that was surveyed completely."""
    exclude: tuple[str, ...] | None = None
    """Patterns to store; None keeps the stored ones."""


def commit(
    catalog: Catalog,
    changes: Changes,
    known: KnownContents,
    config: BuildConfig,
    stages: Stages,
    *,
    encoder: Encoder | None,
    scope: CommitScope,
    label_sources: dict[str, str],
) -> SegmentRecord | None:
    """Make changes visible: write a segment for the pictures that need a row, then commit one transaction.

    Nothing is written if nothing changed.

    Args:
        catalog: the index.
        changes: what to change.
        known: provides the vectors.
        config: how the structure is built.
        stages: measures the time and reports progress.
        encoder: the first encoder of a new index; otherwise its own, or None if it was not needed.
        scope: the files that were read.
        label_sources: see `indexer.pipeline.labelling`.

    Returns:
        The new segment; None if none was needed.
    """
    settings = catalog.settings()
    calibration = settings.get("calibration")
    if encoder is not None:
        calibration = fitting_calibration(calibration, encoder, config)
    missing = missing_after(catalog, changes, scope.root)
    other_changes = _has_other_changes(catalog, changes, scope) or differs_from_stored(catalog, missing)
    relabelled = label_sources != remembered_sources(catalog)
    if not (changes or other_changes or relabelled or calibration != settings.get("calibration")):
        return None
    pictures = changes.need_rows
    templates = returning_templates(catalog, pictures, known)
    dim = encoder.dim if encoder is not None else int(settings["dim"])
    blocks = known.vectors([picture.content for picture in pictures])
    views = PictureViews(
        lambda rows: [pictures[row].path for row in rows],
        lambda: encoder or own_encoder(catalog, config.device),
        config.workers,
    )
    segment, files = write_blocks(catalog, blocks, len(pictures), dim, config, stages, views=views)
    with stages.stage("commit"):
        new_encoder = encoder if "encoder" not in settings else None
        stored = [] if new_encoder is None else store_encoder(catalog.folder, new_encoder)
        moment = utc_now()
        with catalog.transaction():
            if new_encoder is not None:
                name_encoder(catalog, new_encoder, stored)
                catalog.set(**new_index_settings(moment))
            catalog.set(calibration=calibration, **{LABEL_SOURCES: label_sources})
            if changes:
                catalog.set(updated=moment)
            if scope.root is not None:
                store_root(catalog, scope.root)
            if scope.exclude is not None:
                catalog.set(exclude=list(scope.exclude))
            store_missing(catalog, missing)
            catalog.files.add(files)
            catalog.retained.keep(changes.left_behind)
            catalog.pictures.remove(changes.removed)
            catalog.retained.keep_for_path(changes.broken)
            catalog.tombstones.put(changes.replaced)
            catalog.pictures.free_paths(changes.crossed)
            catalog.pictures.put(changes.moved + changes.updated + changes.noted)
            if segment is not None:
                catalog.segments.add(segment, moment)
                rows = enumerate(pictures)
                catalog.pictures.put(replace(picture, segment=segment.id, row=row) for row, picture in rows)
            put_exif(catalog, changes)
            by_folders = config.labels is None and not any(map(names_csv, label_sources.values()))
            changes.returned = restore(
                catalog, changes, templates, labels=config.labels != NONE, over_folders=by_folders
            )
            catalog.skipped.replace(changes.skipped, scope.paths, scope.root)
    return segment


def _has_other_changes(catalog: Catalog, changes: Changes, scope: CommitScope) -> bool:
    """Whether there is something to store besides changed pictures: an encoder, a root, unreadable files."""
    settings = catalog.settings()
    if "encoder" not in settings or changes.noted:
        return True
    if scope.exclude is not None and list(scope.exclude) != settings.get("exclude", []):
        return True
    root, paths = scope.root, set(scope.paths)
    if root is not None and not any(root.is_relative_to(each) for each in known_roots(catalog)):
        return True
    noted = {
        s for s in catalog.skipped.records() if s.path in paths or (root is not None and s.path.is_relative_to(root))
    }
    return noted != set(changes.skipped)
