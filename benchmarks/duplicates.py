"""Time the search for copies in a large index: `python -m benchmarks.duplicates --rows 200000 --kind hnsw`.

The vectors are random in a space of 24 dimensions embedded in one of 256, because embeddings of pictures have fewer
degrees of freedom than dimensions; 15 % of them are near copies of others. Nothing is kept.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from indexer.duplicates import find_duplicates
from indexer.tuning.structure import build_structure
from search.config import BuildConfig, DuplicatesConfig
from search.store.catalog import Catalog
from search.store.records import PictureRecord, SegmentRecord
from search.store.segments import write_segment

_COPIES = 0.15
_APART = 0.2
_FREEDOM = 24
_NOW = "2026-01-01T00:00:00+00:00"


def vectors_with_copies(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    """Unit rows `(rows, dim)`, shuffled; each copy about 0.2 from its original."""
    random = np.random.default_rng(seed)
    laid = random.standard_normal((_FREEDOM, dim), dtype=np.float32)
    vectors = random.standard_normal((rows, _FREEDOM), dtype=np.float32) @ laid
    vectors += random.standard_normal((rows, dim), dtype=np.float32) * np.float32(0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    originals = rows - int(rows * _COPIES)
    noise = random.standard_normal((rows - originals, dim), dtype=np.float32) * np.float32(_APART / dim**0.5)
    vectors[originals:] = vectors[random.integers(originals, size=rows - originals)] + noise
    vectors[originals:] /= np.linalg.norm(vectors[originals:], axis=1, keepdims=True)
    return vectors[random.permutation(rows)]


def write_index(folder: Path, vectors: np.ndarray, kind: str, segments: int) -> str:
    """Write an index of vectors without pictures; return the kinds of its segments."""
    catalog = Catalog.write(folder)
    kinds = []
    for part in np.array_split(np.arange(len(vectors)), segments):
        own = np.ascontiguousarray(vectors[part])
        built = build_structure(own, BuildConfig(kind=kind, device="cpu"))
        structure, recall = built.structure, built.recall
        name, file, files = write_segment(folder, own, structure)
        kinds.append(structure.kind)
        with catalog.transaction():
            catalog.set(
                encoder="random",
                fingerprint="random",
                encoder_folder="encoders/none",
                dim=vectors.shape[1],
                created=_NOW,
                updated=_NOW,
            )
            catalog.files.add(files)
            number = catalog.segments.next_id()
            catalog.segments.add(
                SegmentRecord(number, name, file, len(part), structure.kind, structure.parameters, recall), _NOW
            )
            catalog.pictures.put(
                PictureRecord(0, Path(f"/{place}.png"), f"{place}", 1, 0, 1, 1, None, number, row)
                for row, place in enumerate(part.tolist())
            )
    catalog.close()
    return "+".join(sorted(set(kinds)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--kind", default="auto")
    parser.add_argument("--segments", type=int, default=1)
    parser.add_argument("--exact", action="store_true", help="compare every pair")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        kind = write_index(Path(folder), vectors_with_copies(given.rows, given.dim), given.kind, given.segments)
        print(f"{given.rows:,} x {given.dim}, {kind}, written in {time.perf_counter() - start:.0f} s", flush=True)
        start = time.perf_counter()
        report = find_duplicates(folder, DuplicatesConfig(exhaustive=given.exact, device="cpu"))
        took = time.perf_counter() - start
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(f"{took:.1f} s ({stages}): {len(report.groups):,} groups of {report.members:,}, {report.recall}")
    print(f"peak memory {peak:.0f} MiB, including the build of the index")


if __name__ == "__main__":
    main()
