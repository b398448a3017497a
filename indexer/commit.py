"""Write a new segment aside, then make a change visible in one transaction."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exif import put_exif
from indexer.index_encoder import fitting_calibration, name_encoder, store_encoder
from indexer.matrix import gathered
from indexer.tune import build_structure
from indexer.writer import now
from search.records import FileRecord, SegmentRecord
from search.segments import write_segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexer.changes import Changes
    from indexer.known import Known
    from indexer.progress import Stages
    from search.catalog import Catalog
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A segment whose files are in place and that no catalog names yet."""

    record: SegmentRecord
    files: list[FileRecord]


def make_segment(catalog: Catalog, blocks: Iterable[Floats], rows: int, dim: int, config: BuildConfig,
                 stages: Stages) -> NewSegment:  # fmt: skip
    """Write a segment of vectors that come in blocks, with the structure over them."""
    with ExitStack() as room:
        with stages.stage("gather vectors"):
            vectors = room.enter_context(gathered(catalog.folder, blocks, rows, dim))
        with stages.stage("build structure"):
            structure, recall = build_structure(vectors, kind=config.kind, recall=config.recall, device=config.device)
        with stages.stage("write"):
            own, file, files = write_segment(catalog.folder, vectors, structure)
    record = SegmentRecord(catalog.next_segment_id(), own, file, rows, structure.kind, structure.parameters, recall)
    return NewSegment(record, files)


def name_segment(catalog: Catalog, segment: NewSegment, created: str) -> None:
    """Make a segment part of the index; within a transaction."""
    catalog.add_files(segment.files)
    catalog.add_segment(segment.record, created)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was looked at: of nothing else does a commit forget that it could not be read."""

    paths: list[Path]
    root: Path | None = None
    """The folder that was surveyed as a whole."""


def commit_changes(catalog: Catalog, changes: Changes, known: Known, config: BuildConfig, stages: Stages, *,
                   encoder: Encoder | None, surveyed: Surveyed) -> SegmentRecord | None:  # fmt: skip
    """Make changes visible: a segment for what needs a row, and one transaction; none where nothing changed.

    Args:
        catalog: the index.
        changes: what is to change.
        known: has the vectors.
        config: how the structure is built.
        stages: timed and told.
        encoder: the one that an index gets which has none yet; otherwise its own, or None where it was not needed.
        surveyed: what was looked at.

    Returns:
        The new segment, if one was needed.
    """
    settings = catalog.settings()
    calibration = settings.get("calibration")
    if encoder is not None:
        calibration = fitting_calibration(calibration, encoder, config)
    if not (changes or _says_more(catalog, changes, surveyed) or calibration != settings.get("calibration")):
        return None
    segment, pictures = None, changes.embedded
    if pictures:
        dim = encoder.dim if encoder is not None else int(settings["dim"])
        blocks = known.vectors([picture.content for picture in pictures])
        segment = make_segment(catalog, blocks, len(pictures), dim, config, stages)
    with stages.stage("commit"):
        new_encoder = encoder if "encoder" not in settings else None
        stored = [] if new_encoder is None else store_encoder(catalog.folder, new_encoder)
        moment = now()
        with catalog.transaction():
            if new_encoder is not None:
                name_encoder(catalog, new_encoder, stored)
                catalog.set(created=moment, updated=moment)
            catalog.set(calibration=calibration)
            if changes:
                catalog.set(updated=moment)
            if surveyed.root is not None:
                remember_root(catalog, surveyed.root)
            if segment is not None:
                name_segment(catalog, segment, moment)
            _put(catalog, changes, segment)
            catalog.forget_skipped(surveyed.paths, below=surveyed.root)
            catalog.put_skipped(changes.skipped)
    return None if segment is None else segment.record


def _put(catalog: Catalog, changes: Changes, segment: NewSegment | None) -> None:
    catalog.remove_pictures(changes.removed)
    catalog.bury(picture.id for picture in changes.changed)
    catalog.put_pictures(changes.moved + changes.updated)
    if segment is not None:
        rows = enumerate(changes.embedded)
        catalog.put_pictures(replace(picture, segment=segment.record.id, row=row) for row, picture in rows)
    put_exif(catalog, changes)


def _says_more(catalog: Catalog, changes: Changes, surveyed: Surveyed) -> bool:
    """Whether there is something to note beside changes of pictures: an encoder, a root, what could not be read."""
    if "encoder" not in catalog.settings():
        return True
    root, paths = surveyed.root, set(surveyed.paths)
    if root is not None and not any(root.is_relative_to(each) for each in known_roots(catalog)):
        return True
    noted = {s for s in catalog.skipped() if s.path in paths or (root is not None and s.path.is_relative_to(root))}
    return noted != set(changes.skipped)


def remember_root(catalog: Catalog, root: Path) -> None:
    """Note a folder that was indexed as a whole: what is added below it later is labelled as from there."""
    roots = known_roots(catalog)
    if not any(root.is_relative_to(each) for each in roots):
        catalog.set(roots=sorted([str(each) for each in roots if not each.is_relative_to(root)] + [str(root)]))


def known_roots(catalog: Catalog) -> list[Path]:
    """Folders that were indexed as a whole, none of them inside another."""
    return [Path(each) for each in catalog.settings().get("roots", [])]
