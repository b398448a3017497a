"""Time the search for copies in a large index: `python -m benchmarks.duplicate_search --rows 200000 --kind hnsw`.

With `--real FILE`, the vectors are made from real embeddings (`benchmarks.million_vectors`). Without, they are random
in a space of 24 dimensions embedded in one of 256, because embeddings of pictures have fewer degrees of freedom than
dimensions. 15 % of the vectors are near copies of others. Nothing is kept.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.million_vectors import made, real_embeddings
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
    return with_copies(vectors, random)


def with_copies(vectors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Replace the last rows by near copies of others, and shuffle all."""
    rows, dim = vectors.shape
    originals = rows - int(rows * _COPIES)
    noise = random.standard_normal((rows - originals, dim), dtype=np.float32) * np.float32(_APART / dim**0.5)
    vectors[originals:] = vectors[random.integers(originals, size=rows - originals)] + noise
    vectors[originals:] /= np.linalg.norm(vectors[originals:], axis=1, keepdims=True)
    return vectors[random.permutation(rows)]


def ceiling(dim: int) -> tuple[float, float]:
    """Billions of operations per second of a float32 product of two blocks, best of five: on one core, and on all."""
    block = np.random.default_rng(0).standard_normal((2048, dim), dtype=np.float32)
    cpu, wall = [], []
    for _ in range(5):
        start = time.perf_counter(), time.process_time()
        block @ block.T
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    operations = 2 * len(block) ** 2 * dim / 1e9
    return operations / min(cpu), operations / min(wall)


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


def _vectors(given: argparse.Namespace) -> np.ndarray:
    if given.real is None:
        return vectors_with_copies(given.rows, given.dim)
    real = real_embeddings(given.real)
    given.dim = real.shape[1]
    return with_copies(made(real, given.rows, given.noise, seed=0), np.random.default_rng(0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--real", type=Path, help="a .npy file of unit rows, or an index, to make the vectors from")
    parser.add_argument("--noise", type=float, default=0.5, help="share of a difference that is added to a real row")
    parser.add_argument("--threshold", type=float, help="largest distance of copies")
    parser.add_argument("--kind", default="auto")
    parser.add_argument("--segments", type=int, default=1)
    parser.add_argument("--exact", action="store_true", help="compare every pair")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        vectors = _vectors(given)
        kind = write_index(Path(folder), vectors, given.kind, given.segments)
        del vectors
        print(f"{given.rows:,} x {given.dim}, {kind}, written in {time.perf_counter() - start:.0f} s", flush=True)
        start, cpu = time.perf_counter(), time.process_time()
        config = DuplicatesConfig(threshold=given.threshold, exhaustive=given.exact, device="cpu")
        report = find_duplicates(folder, config)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(f"{took:.1f} s, {cpu:.1f} CPU-s ({stages})")
    print(f"{len(report.groups):,} groups of {report.members:,}, {report.recall}")
    print(f"peak memory {peak:.0f} MiB, including the build of the index and the libraries")
    if report.exhaustive:
        one, every = ceiling(given.dim)
        operations = given.rows**2 * given.dim / 1e9
        print(
            f"{operations / 1e3:,.2f} trillion operations, {operations / report.seconds['compare']:,.0f} billion a "
            f"second; a float32 product alone: {one:,.0f} on one core, {every:,.0f} on all, beside other work"
        )


if __name__ == "__main__":
    main()
