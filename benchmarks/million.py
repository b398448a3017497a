"""Grow an index to a million vectors in batches, remove some of them, rebuild it; write times, memory and recall.

    python -m benchmarks.million INDEX_OR_NPY --vectors 1000000 --kinds hnsw ivfpq --out docs/results/million.md

INDEX_OR_NPY holds real embeddings: an index folder, or unit rows `(N, D) float32`. Each vector that is made is one of
them, plus `--noise` times the difference of two others, made unit length: so the noise has the directions in which
real embeddings differ. Each step is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search import open_index
from search.indexes import KINDS, index_class

if TYPE_CHECKING:
    from search.types import Floats, Rows

K = 10
_MADE_AT_ONCE = 50_000
_ROUNDING = 1e-5
"""Distances nearer than this are equal: float32 vectors, summed in another order."""

BEGIN = """
import json, sys, time
from pathlib import Path
words = json.loads(sys.argv[1])
begun = time.perf_counter()
told = {}
"""
END = """
told["seconds"] = time.perf_counter() - begun
status = Path("/proc/self/status").read_text()
told["peak"] = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps(told))
"""
IMPORT = """
from indexer.exchange.config import ImportConfig
from indexer.exchange.import_vectors import import_vectors
config = ImportConfig(encoder="benchmark", foreign=True, paths=Path(words["paths"]), kind=words["kind"], device="cpu")
report = import_vectors(words["vectors"], words["index"], config)
told |= {"added": report.added, "kind": report.kind, "recall": report.recall}
"""
REMOVE = """
from indexer.remove import remove
told["removed"] = remove(words["index"], ids=words["ids"]).removed
"""
REBUILD = """
from indexer.rebuild import rebuild
from search.config import BuildConfig
report = rebuild(words["index"], BuildConfig(kind=words["kind"], device="cpu"))
told |= {"images": report.images, "kind": report.kind, "recall": report.recall}
"""
NOTHING = """
from search.indexes.faiss_library import faiss
"""
CHECK = """
from indexer.check import check
told["findings"] = check(words["index"])
"""
SEARCH = """
import numpy as np
from search import open_index
with open_index(words["index"], device="cpu") as engine:
    told["open"] = time.perf_counter() - begun
    queries = np.load(words["queries"])
    engine.search_vectors(queries[:1], words["k"])
    took = []
    for query in queries[:50]:
        start = time.perf_counter()
        engine.search_vectors(query, words["k"])
        took.append(time.perf_counter() - start)
    told["median"] = float(np.median(took))
    hits = engine.search_vectors(queries, words["k"])
    told["segments"] = len(engine.info().segments)
    told["size"] = engine.info().size
told["ids"] = [[hit.id for hit in found] for found in hits]
told["distances"] = [[hit.distance for hit in found] for found in hits]
"""


def step(script: str, **words: Any) -> dict[str, Any]:
    """Run one step in a process of its own; it tells `seconds` without its start, and `peak`, resident bytes."""
    command = [sys.executable, "-c", BEGIN + script + END, json.dumps(words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


# Vectors and their true neighbours ------------------------------------------------------------------------------------


def real_embeddings(source: Path) -> Floats:
    """Unit rows `(N, D) float32` of an index or a .npy file."""
    if source.is_dir():
        with open_index(source, device="cpu") as engine:
            return engine.vectors()[1]
    found: Floats = np.load(source, allow_pickle=False)
    return found


def made(real: Floats, count: int, noise: float, seed: int) -> Floats:
    """Make unit rows `(count, D) float32` of real ones."""
    generator = np.random.default_rng(seed)
    vectors = np.empty((count, real.shape[1]), dtype=np.float32)
    for start in range(0, count, _MADE_AT_ONCE):
        part = vectors[start : start + _MADE_AT_ONCE]
        one, two, three = (real[generator.integers(0, len(real), len(part))] for _ in range(3))
        part[:] = one + np.float32(noise) * (two - three)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


class Collection:
    """The batches as files, and which rows are alive; row n is the picture of id n + 1."""

    def __init__(self, folder: Path, real: Floats, count: int, batches: int, noise: float, seed: int) -> None:
        """Make the files."""
        self.files: list[tuple[Path, Path]] = []
        bounds = [count * n // batches for n in range(batches + 1)]
        for n, (first, last) in enumerate(pairwise(bounds)):
            vectors, paths = folder / f"{n}.npy", folder / f"{n}.txt"
            np.save(vectors, made(real, last - first, noise, seed + 1 + n))
            paths.write_text("".join(f"pictures/{row:08d}.jpg\n" for row in range(first, last)), encoding="utf-8")
            self.files.append((vectors, paths))
        self.bounds = bounds
        self.queries = folder / "queries.npy"
        np.save(self.queries, made(real, 200, noise, seed))
        self.alive = np.zeros(count, dtype=np.bool_)
        self._generator = np.random.default_rng(seed)

    def doom(self, share: float, batch: int) -> list[int]:
        """Draw as many of the living as are a share of a batch, and return their ids."""
        self.alive[self.bounds[batch] : self.bounds[batch + 1]] = True
        count = int(share * (self.bounds[batch + 1] - self.bounds[batch]))
        rows = self._generator.choice(np.flatnonzero(self.alive), count, replace=False)
        self.alive[rows] = False
        return sorted((rows + 1).tolist())

    def truth(self) -> tuple[Floats, Rows]:
        """Distances and ids `(Q, K)` of the true neighbours among the living, file by file, in float64."""
        queries = np.load(self.queries).astype(np.float64)
        best = np.full((len(queries), K), np.inf)
        ids = np.zeros((len(queries), K), dtype=np.int64)
        for (file, _), first in zip(self.files, self.bounds, strict=False):
            vectors = np.load(file, mmap_mode="r")
            for start in range(0, len(vectors), _MADE_AT_ONCE):
                part = vectors[start : start + _MADE_AT_ONCE].astype(np.float64)
                rows = np.arange(first + start, first + start + len(part))
                part, rows = part[self.alive[rows]], rows[self.alive[rows]]
                squares = 2 - 2 * queries @ part.T
                near = np.argpartition(squares, min(2 * K, squares.shape[1]) - 1, axis=1)[:, : 2 * K]
                exact = np.linalg.norm(part[near] - queries[:, None], axis=2)
                together, names = np.hstack([best, exact]), np.hstack([ids, rows[near] + 1])
                order = np.lexsort((names, together), axis=1)[:, :K]
                best, ids = np.take_along_axis(together, order, 1), np.take_along_axis(names, order, 1)
        return best.astype(np.float32), ids


# One kind -------------------------------------------------------------------------------------------------------------


@dataclass
class Grown:
    """All steps of one kind."""

    kind: str
    imports: list[dict[str, Any]] = field(default_factory=list)
    removals: list[dict[str, Any]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    rebuild: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def grow(kind: str, collection: Collection, removed: float, index: Path) -> Grown:
    """Import batch after batch, remove, search, rebuild, search again; ends with an error if the index is not whole."""
    grown = Grown(kind)
    collection.alive[:] = False
    for batch, (vectors, paths) in enumerate(collection.files):
        grown.imports.append(step(IMPORT, vectors=str(vectors), paths=str(paths), kind=kind, index=str(index)))
        doomed = collection.doom(removed, batch)
        if doomed:
            grown.removals.append(step(REMOVE, ids=doomed, index=str(index)))
        sys.stderr.write(f"{kind}, batch {batch + 1}: {grown.imports[-1]}\n")
    truth = collection.truth()
    grown.before = searched(collection, index, truth, kind)
    grown.rebuild = step(REBUILD, index=str(index), kind=kind)
    grown.after = searched(collection, index, truth, kind)
    sys.stderr.write(
        f"{kind}, before: {grown.before}\n{kind}, rebuild: {grown.rebuild}\n{kind}, after: {grown.after}\n"
    )
    if findings := step(CHECK, index=str(index))["findings"]:
        raise SystemExit(f"{index}: not whole: {findings}")
    return grown


def searched(collection: Collection, index: Path, truth: tuple[Floats, Rows], kind: str) -> dict[str, Any]:
    """Search, and compare with the truth: recall@10, and whether all answers are the exact ones."""
    told = step(SEARCH, index=str(index), queries=str(collection.queries), k=K)
    ids, distances = np.array(told.pop("ids")), np.array(told.pop("distances"))
    if ids.shape != truth[1].shape or not collection.alive[ids - 1].all():
        raise SystemExit(f"{index}: an answer is missing, or of a picture that was removed")
    told["recall"] = float(np.mean(distances <= truth[0][:, -1:] + _ROUNDING))
    told["equal"] = bool(np.allclose(distances, truth[0], atol=_ROUNDING))
    if index_class(kind).exact and not told["equal"]:
        raise SystemExit(f"{index}: {kind} is exact and does not answer as the oracle does")
    return told


# The page -------------------------------------------------------------------------------------------------------------


def page(rows: list[Grown], collection: Collection, options: argparse.Namespace, dim: int, real: int) -> str:
    """The figures as Markdown."""
    count, batches, left = len(collection.alive), len(collection.files), int(collection.alive.sum())
    lines = [
        f"# {count:,} vectors",
        "",
        f"Written by `python -m benchmarks.million` on {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, no GPU."
        f" {count:,} vectors of {dim} ({mib(count * dim * 4)} MiB) were imported in {batches} batches; after each"
        f" batch, {options.removed:.0%} of its number were removed, drawn from all that were there: {left:,} were left."
        f" Each vector is one of {real:,} embeddings from {options.about or options.source.name}, plus {options.noise}"
        " times the difference of two others, made unit length.",
        "",
        "Every step is a process of its own; its peak memory is all that was resident, mapped files among it, and its"
        f" seconds leave out the start of Python. FAISS and what it brings along take {mib(step(NOTHING)['peak'])} MiB"
        " of it before any vector is there (`flat` is without).",
        "",
        "Recall@10 is against brute force in float64 over what was left, for 200 queries made in the same way; an answer"
        " as near as the true tenth counts. Exact kinds gave the answers of brute force, before and after; no answer was"
        " a removed picture; `twinlens check` found each index whole.",
        "",
        "| kind | a batch, s (median, most) | peak of the first batch, MiB | of the last, MiB | removing, s (median)"
        " | its peak, MiB | rebuild, s | its peak, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        seconds = [each["seconds"] for each in row.imports]
        gone = [each["seconds"] for each in row.removals] or [0.0]
        most = max((each["peak"] for each in row.removals), default=0)
        lines.append(
            f"| {row.kind} | {np.median(seconds):.1f}, {max(seconds):.1f} | {mib(row.imports[0]['peak'])}"
            f" | {mib(row.imports[-1]['peak'])} | {np.median(gone):.1f} | {mib(most)}"
            f" | {row.rebuild['seconds']:.1f} | {mib(row.rebuild['peak'])} |"
        )
    lines += [
        "",
        "| kind | | segments | recall@10 | all exact | a query, ms (median) | opening, s | peak, MiB | index, MiB |",
        "|---|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        for when, told in (("grown", row.before), ("rebuilt", row.after)):
            equal = "yes" if told["equal"] else "no"
            lines.append(
                f"| {row.kind} | {when} | {told['segments']} | {told['recall']:.4f} | {equal}"
                f" | {1000 * told['median']:.1f} | {told['open']:.2f} | {mib(told['peak'])} | {mib(told['size'])} |"
            )
    return "\n".join(lines) + "\n"


def mib(size: int) -> str:
    """Bytes in units of 2^20."""
    return f"{size / 2**20:,.0f}"


def main() -> None:
    """Grow an index of each kind and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="an index, or unit rows as .npy: real embeddings")
    parser.add_argument("--about", help="what the embeddings are, for the reader of the page")
    parser.add_argument("--vectors", type=int, default=1_000_000, help="made in all; 20000 for a quick look")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--removed", type=float, default=0.05, help="removed after each batch, as a share of it")
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--kinds", nargs="+", choices=("auto", *KINDS), default=["hnsw", "ivf", "ivfpq", "flat"])
    parser.add_argument("--work", type=Path, help="where the indexes are made; a temporary folder unless told")
    parser.add_argument("--out", type=Path, default=Path("docs/results/million.md"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.vectors < 20 * options.batches:
        parser.error("--vectors: at least 20 a batch")
    real = real_embeddings(options.source)
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        collection = Collection(Path(work), real, options.vectors, options.batches, options.noise, options.seed)
        rows = []
        for kind in dict.fromkeys(options.kinds):
            rows.append(grow(kind, collection, options.removed, Path(work) / "index"))
            shutil.rmtree(Path(work) / "index")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(page(rows, collection, options, real.shape[1], len(real)), encoding="utf-8")


if __name__ == "__main__":
    main()
