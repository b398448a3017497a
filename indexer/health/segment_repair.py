"""Rewrite a damaged segment: keep intact vectors, and embed the pictures of lost ones again from their files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.content_hash import content_hash
from indexer.tuning.structure import build_structure
from search.chunks import chunks
from search.config import BuildConfig
from search.errors import PictureError
from search.indexes import index_class, resolve_device
from search.pictures.decode import decode, read_file
from search.store.segments import map_vectors, write_segment, write_structure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

    from search.config import Device
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import FileRecord, PictureRecord, SegmentRecord
    from search.types import Floats

_BATCH = 32
"""Pictures decoded and embedded at once."""


@dataclass(slots=True)
class RepairedSegment:
    """New files of one segment, written and not committed yet; `record` is None if no row is left."""

    old: SegmentRecord
    record: SegmentRecord | None
    files: list[FileRecord] = field(default_factory=list)
    embedded: int = 0
    lost_rows: list[int] = field(default_factory=list)
    lost: list[PictureRecord] = field(default_factory=list)

    def store(self, catalog: Catalog) -> None:
        """Store it in the catalog; within a transaction."""
        catalog.pictures.remove(self.lost)
        if self.record is None:
            catalog.segments.drop(self.old.id)
        else:
            catalog.files.add(self.files)
            catalog.segments.replace_files(self.record)
            catalog.tombstones.put_on_lost(self.old.id, self.lost_rows)
        kept = set() if self.record is None else {self.record.vectors, self.record.structure}
        catalog.files.drop(n for n in (self.old.vectors, self.old.structure) if n is not None and n not in kept)


def rebuild_structure(catalog: Catalog, segment: SegmentRecord, device: Device) -> RepairedSegment:
    """Build a structure again, with the same parameters, from intact vectors."""
    files = {record.name: record for record in catalog.files.records()}
    dim = int(catalog.settings()["dim"])
    vectors = map_vectors(catalog.folder, files[segment.vectors], (segment.rows, dim))
    place = resolve_device(device, segment.kind)
    structure = index_class(segment.kind)(device=place, **segment.parameters).build(vectors)
    file = write_structure(catalog.folder, structure)
    return RepairedSegment(segment, replace(segment, structure=file.name, parameters=structure.parameters), [file])


def rebuild_vectors(
    catalog: Catalog, segment: SegmentRecord, lost: Sequence[range], encoder: Encoder | None, device: Device
) -> RepairedSegment:
    """Rewrite the vectors of a segment in their rows, and build its structure again.

    Args:
        catalog: catalog of the index.
        segment: the damaged segment.
        lost: its damaged rows.
        encoder: encoder of the index; None if no picture has a damaged row.
        device: where to build the structure.

    Returns:
        The new files. Rows that stay lost get tombstones, and repeat an intact vector.
    """
    files = {record.name: record for record in catalog.files.records()}
    vectors = _intact(catalog.folder, files[segment.vectors], segment.rows, int(catalog.settings()["dim"]), lost)
    intact = np.ones(segment.rows, dtype=np.bool_)
    for part in lost:
        intact[part.start : part.stop] = False
    pictures = [picture for part in lost for picture in catalog.pictures.between(segment.id, part)]
    removed, embedded = list(pictures), 0
    if encoder is not None:
        removed.clear()
        for picture, vector in _embed_again(pictures, encoder):
            if vector is None:
                removed.append(picture)
            else:
                vectors[picture.row], intact[picture.row] = vector, True
                embedded += 1
    if not intact.any():
        return RepairedSegment(segment, None, lost=removed)
    vectors[~intact] = vectors[np.argmax(intact)]
    params = {name: value for name, value in segment.parameters.items() if name != "effort"}
    target = BuildConfig.recall if segment.tuning is None else segment.tuning.target
    built = build_structure(vectors, BuildConfig(kind=segment.kind, params=params, recall=target, device=device))
    structure = built.structure
    names = write_segment(catalog.folder, vectors, structure)
    record = replace(
        segment,
        vectors=names[0],
        structure=names[1],
        parameters=structure.parameters,
        recall=built.recall,
        tuning=built.tuning,
    )
    return RepairedSegment(segment, record, names[2], embedded, np.flatnonzero(~intact).tolist(), removed)


def _intact(folder: Path, record: FileRecord, rows: int, dim: int, lost: Sequence[range]) -> Floats:
    """The rows `(rows, dim) float32` of a file, with zeros for lost rows; its header is not read."""
    vectors = np.zeros((rows, dim), dtype=np.float32)
    starts, stops = [0, *(part.stop for part in lost)], [*(part.start for part in lost), rows]
    for start, stop in zip(starts, stops, strict=True):
        if stop > start:
            with (folder / record.name).open("rb") as stream:
                stream.seek(record.bytes - (rows - start) * dim * 4)
                vectors[start:stop] = np.fromfile(stream, "<f4", (stop - start) * dim).reshape(-1, dim)
    return vectors


def _embed_again(pictures: Sequence[PictureRecord], encoder: Encoder) -> list[tuple[PictureRecord, Floats | None]]:
    """Each picture with its embedding; None if its file is gone or was changed."""
    results: list[tuple[PictureRecord, Floats | None]] = []
    for chunk in chunks(pictures, _BATCH):
        images_of = [(picture, _unchanged(picture, encoder)) for picture in chunk]
        images = [image for _, image in images_of if image is not None]
        vectors = iter(encoder.encode(images) if images else ())
        results += [(picture, None if image is None else next(vectors)) for picture, image in images_of]
    return results


def _unchanged(picture: PictureRecord, encoder: Encoder) -> Image | None:
    try:
        data = read_file(picture.path)
        if content_hash(data) != picture.content:
            return None
        return decode(data, name=str(picture.path), target=encoder.input_size)
    except PictureError:
        return None
