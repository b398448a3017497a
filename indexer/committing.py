"""The last stages of a change: collect the vectors of its pictures, write their segment, make all of it visible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.exif import put_exif
from indexer.index_encoder import fitting_calibration, name_encoder, now, store_encoder
from indexer.tune import build_structure
from search.records import SegmentRecord
from search.segments import map_vectors, write_segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.changes import Changes
    from indexer.progress import Stages
    from indexer.staging import Staging
    from search.catalog import Catalog
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.records import FileRecord, PictureRecord
    from search.types import Floats


def gather(catalog: Catalog, staging: Staging, changes: Changes, dim: int) -> Floats:
    """Collect the vectors `(N, dim) float32` of the pictures that need a row: changed ones first, then added ones.

    In this order the rows of a segment ascend with the ids of their pictures, so that ties by row are ties by id.
    """
    needed = _rows_needed(changes)
    vectors = np.empty((len(needed), dim), dtype=np.float32)
    unstaged: dict[str, list[int]] = {}
    for place, picture in enumerate(needed):
        staged = staging.vector(picture.content)
        if staged is None:
            unstaged.setdefault(picture.content, []).append(place)
        else:
            vectors[place] = staged
    stored = StoredVectors(catalog, dim)
    for content, known in catalog.embedded(list(unstaged)).items():
        vectors[unstaged[content]] = stored.segment(known.segment)[known.row]
    return vectors


class StoredVectors:
    """The vectors of the segments, each mapped when it is first asked for."""

    def __init__(self, catalog: Catalog, dim: int) -> None:
        self._folder = catalog.folder
        self._dim = dim
        self._records = {record.id: record for record in catalog.segments()}
        self._files = {file.name: file for file in catalog.files()}
        self._mapped: dict[int, Floats] = {}

    def segment(self, number: int) -> Floats:
        """Rows `(N, dim) float32` of one segment."""
        if number not in self._mapped:
            record = self._records[number]
            self._mapped[number] = map_vectors(self._folder, self._files[record.vectors], (record.rows, self._dim))
        return self._mapped[number]

    def of(self, pictures: Sequence[PictureRecord]) -> Floats:
        """The vectors `(N, dim) float32` of some pictures."""
        vectors = np.empty((len(pictures), self._dim), dtype=np.float32)
        for segment in {each.segment for each in pictures}:
            places, rows = np.array([(n, each.row) for n, each in enumerate(pictures) if each.segment == segment]).T
            vectors[places] = self.segment(segment)[rows]
        return vectors


def write_rows(catalog: Catalog, vectors: Floats, config: BuildConfig,
               stages: Stages) -> tuple[SegmentRecord | None, list[FileRecord]]:  # fmt: skip
    """Build the structure over vectors `(N, D)` and write both, synced; None where there are no vectors."""
    if not len(vectors):
        return None, []
    with stages.stage("build structure"):
        structure, recall = build_structure(vectors, kind=config.kind, recall=config.recall, device=config.device)
    with stages.stage("write"):
        name, structure_name, files = write_segment(catalog.folder, vectors, structure)
    number = catalog.next_segment_id()
    rows, settings = len(vectors), structure.parameters
    return SegmentRecord(number, name, structure_name, rows, structure.kind, settings, recall), files


def commit(catalog: Catalog, encoder: Encoder, changes: Changes, vectors: Floats, config: BuildConfig,
           stages: Stages) -> SegmentRecord | None:  # fmt: skip
    """Write the new segment aside, then make everything visible in one transaction."""
    first = "encoder" not in catalog.settings()
    segment, files = write_rows(catalog, vectors, config, stages)
    with stages.stage("commit"):
        stored = store_encoder(catalog.folder, encoder) if first else []
        calibration = fitting_calibration(catalog.settings().get("calibration"), encoder, config)
        with catalog.transaction():
            if first:
                name_encoder(catalog, encoder, stored)
                catalog.set(created=now())
            catalog.set(calibration=calibration)
            if first or changes:
                catalog.set(updated=now())
            catalog.add_files(files)
            catalog.remove_pictures(changes.removed)
            catalog.bury(changes.replaced)
            catalog.put_pictures(changes.moved + changes.updated)
            if segment is not None:
                catalog.add_segment(segment, now())
                rows = enumerate(_rows_needed(changes))
                catalog.put_pictures(replace(p, segment=segment.id, row=row) for row, p in rows)
            put_exif(catalog, changes)
            catalog.replace_skipped(changes.skipped, changes.looked_at)
    return segment


def _rows_needed(changes: Changes) -> list[PictureRecord]:
    return sorted(changes.changed, key=lambda picture: picture.id) + changes.added
