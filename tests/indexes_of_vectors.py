"""Indexes of vectors that no encoder made: any collection, without a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.indexes import index_class
from search.store.catalog import Catalog
from search.store.records import PictureRecord, SegmentRecord
from search.store.segments import write_segment
from tests.people import calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = "2026-01-01T00:00:00+00:00"


def index_of(
    folder: Path,
    vectors: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    contents: Sequence[str] | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    labels: Sequence[str | None] | None = None,
    segments: int = 1,
    kind: str = "flat",
    removed: Sequence[int] = (),
    threshold: float | None = None,
) -> Path:
    """Write an index whose picture `number` has the id `number + 1`; `removed` are numbers under tombstones."""
    count = len(vectors)
    folder.mkdir(parents=True)
    catalog = Catalog.write(folder)
    with catalog.transaction():
        catalog.set(
            encoder="made",
            fingerprint="made",
            encoder_folder="encoders/made",
            dim=vectors.shape[1],
            created=NOW,
            updated=NOW,
        )
        if threshold is not None:
            catalog.set(calibration=calibration("made", threshold).to_dict())
    records = []
    for part in np.array_split(np.arange(count), segments):
        if not len(part):
            continue
        structure = index_class(kind)(device="cpu").build(np.ascontiguousarray(vectors[part]))
        ladder = structure.effort_ladder(structure.size)
        if ladder:
            structure.effort = ladder[-1]
        own, file, files = write_segment(folder, np.ascontiguousarray(vectors[part]), structure)
        with catalog.transaction():
            catalog.files.add(files)
            number = catalog.segments.next_id()
            catalog.segments.add(SegmentRecord(number, own, file, len(part), kind, structure.parameters, None), NOW)
        for row, place in enumerate(part.tolist()):
            name = names[place] if names is not None else f"{place:06d}.png"
            width, height = sizes[place] if sizes is not None else (10, 10)
            records.append(
                PictureRecord(
                    0,
                    Path("/nowhere") / name,
                    contents[place] if contents is not None else f"c{place:06d}",
                    100,
                    0,
                    width,
                    height,
                    labels[place] if labels is not None else None,
                    number,
                    row,
                )
            )
    with catalog.transaction():
        catalog.pictures.put(records)
    gone = set(removed)
    with catalog.transaction():
        catalog.pictures.remove([record for record in catalog.pictures.records() if record.id - 1 in gone])
    catalog.close()
    return folder


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors `(N, 2)` at these angles: as many degrees apart, so far apart along the chord."""
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def chord(degrees: float) -> float:
    """Distance of two points of the circle that are so many degrees apart."""
    return float(2 * np.sin(np.deg2rad(degrees) / 2))


def clumps(count: int, *, seed: int = 0, dim: int = 8, spread: float = 0.08) -> np.ndarray:
    """Points around a third as many centres; some rows are doubles of others."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(1, count // 3), dim))
    vectors = unit(centres[random.integers(len(centres), size=count)] + spread * random.standard_normal((count, dim)))
    vectors[1::17] = vectors[0::17][: len(vectors[1::17])]
    return vectors
