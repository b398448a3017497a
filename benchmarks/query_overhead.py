"""Measure what a query costs beyond the search of the library that it wraps; write the figures as Markdown.

    python -m benchmarks.query_overhead --vectors X.npy --queries Q.npy --out docs/results/query_overhead.md

X.npy and Q.npy hold unit rows `(N, D) float32`; without Q.npy, some rows of X.npy are left out of the indexes and are
the queries. The raw call is the library's own search for as many candidates as the engine fetches, with the same effort
and threads. Raw and engine calls alternate, so that other work on the machine affects both; each figure is a median.
With `--work` the indexes are kept, and used again by the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from search import open_index
from search.indexes import KINDS, index_class
from search.store.catalog import Catalog
from search.store.records import PictureRecord, SegmentRecord
from search.store.segments import write_segment
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable

    from search import SearchEngine
    from search.indexes.base import VectorIndex
    from search.tuned import Tuning
    from search.types import Floats

K = 10
BATCH = 1000
NOW = "2026-01-01T00:00:00+00:00"
GOAL_RATIO, GOAL_SECONDS, GOAL_BATCH = 1.15, 50e-6, 1.05
_KINDS = ("hnsw", "hnsw8", "hnswlib", "pq4", "ivfpq4", "ivf", "ivfpq", "flat")
_ROUND = 50
"""Queries searched alone between two batches."""


@dataclass(frozen=True)
class Figures:
    """Median seconds of one kind; `first` is before the records of the hits were cached."""

    kind: str
    effort: int | None
    fetched: int
    raw: float
    first: float
    engine: float
    by_id: float
    raw_batch: float
    first_batch: float
    engine_batch: float


def make(folder: Path, kind: str, vectors: Floats) -> None:
    """Write an index with a structure of default parameters."""
    structure = index_class(kind)(device="cpu", **({"threads": 0} if "threads" in index_class(kind).defaults else {}))
    write_index(folder, vectors, structure.build(vectors))


def write_index(folder: Path, vectors: Floats, structure: VectorIndex, tuning: Tuning | None = None) -> None:
    """Write an index with one segment, with labels, and with metadata for every second picture."""
    kind = structure.kind
    folder.mkdir(parents=True)
    name, file, files = write_segment(folder, vectors, structure)
    catalog = Catalog.write(folder)
    with catalog.transaction():
        catalog.set(
            encoder="none",
            fingerprint="none",
            encoder_folder="none",
            dim=vectors.shape[1],
            created=NOW,
            updated=NOW,
        )
        catalog.files.add(files)
        catalog.segments.add(SegmentRecord(1, name, file, len(vectors), kind, structure.parameters, None, tuning), NOW)
        catalog.pictures.put(
            PictureRecord(
                0,
                Path(f"/home/somebody/pictures/album {row % 500:03d}/IMG_{row:07d}.jpg"),
                f"{row:040x}",
                3_000_000,
                10**18 + row,
                4000,
                3000,
                f"label{row % 100}",
                1,
                row,
            )
            for row in range(len(vectors))
        )
    with catalog.transaction():
        taken = [(each, ("2024-05-06 07:08:09", "camera")) for each in range(1, len(vectors) + 1, 2)]
        catalog.metadata.put(["taken", "camera"], taken)
    catalog.close()


def raw_search(engine: SearchEngine, vectors: Floats) -> tuple[Callable[[Floats], object], int]:
    """The library's own search, and how many candidates it fetches."""
    structure: Any = engine.segments[0].structure
    fetch = K if structure.exact else min(len(vectors), K * structure.overfetch + 16)
    if structure.kind == "flat":
        from search.indexes.faiss_library import faiss

        index = faiss.IndexFlatL2(vectors.shape[1])
        index.add(vectors)
        return lambda queries: index.search(queries, fetch), fetch
    if structure.kind == "hnswlib":
        graph = structure._index
        return lambda queries: graph.knn_query(queries, fetch, num_threads=-1), fetch
    index, parameters = structure._on_cpu(), structure._search_parameters(structure.effort, None)
    return lambda queries: index.search(queries, fetch, params=parameters), fetch


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(index: Path, vectors: Floats, queries: Floats, rounds: int) -> Figures:
    """Alternate raw calls and calls of the engine, which search for different queries at a time."""
    took: dict[str, list[float]] = defaultdict(list)
    alone, batch = np.split(queries[: 2 * BATCH], 2)
    ids = np.random.default_rng(0).integers(1, len(vectors) + 1, len(alone)).tolist()
    for turn in range(rounds):
        with open_index(index, device="cpu") as engine:
            if (guard := engine.segments[0].guard) is not None:
                guard.use()  # verifies the vectors, once
            raw, fetched = raw_search(engine, vectors)
            raw(batch)
            took["first_batch"].append(seconds(partial(engine.search_vectors, batch, K)))
            took["raw_batch"].append(seconds(partial(raw, batch)))
            took["engine_batch"].append(seconds(partial(engine.search_vectors, batch, K)))
            places = range(turn * _ROUND, (turn + 1) * _ROUND)
            for name in ("first", "engine"):
                for place in places:
                    one, other = (alone[each % len(alone)][None] for each in (place, place + _ROUND // 2))
                    took["raw"].append(seconds(partial(raw, other)))
                    took[name].append(seconds(partial(engine.search_vectors, one, K)))
            took["by_id"] += [seconds(partial(engine.search_id, ids[place % len(ids)], K)) for place in places]
            structure = engine.segments[0].structure
    return Figures(structure.kind, structure.effort, fetched, **{name: median(each) for name, each in took.items()})


def page(figures: list[Figures], rows: int, dim: int, source: str) -> str:
    """The page in Markdown."""
    lines = [
        "# Overhead of a query",
        "",
        f"Written by `python -m benchmarks.query_overhead` on {utc_today()}, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}, from {source}: {rows:,} vectors of {dim} dimensions in one segment, k = {K}.",
        "",
        "*Raw* is the library's own search for as many candidates as the engine fetches, at the same effort; for "
        "`flat`, which uses no library, FAISS's exact index. *Engine* is `search_vectors`: the same search, exact "
        "distances, and hits with their records and metadata. Raw and engine calls alternate; each figure is a median.",
        "",
        "*First time*: the engine reads the records of the hits from the catalog. It keeps them, up to 32 MiB, so that",
        "the same hits cost less later: the figures under *engine*.",
        "",
        "## One query",
        "",
        f"The goal is at most {GOAL_RATIO:g} times raw, plus {GOAL_SECONDS * 1e6:.0f} µs.",
        "",
        "| kind | effort | candidates | raw, µs | engine, µs | ratio | beyond raw, µs | goal, µs | first time, µs"
        " | `search_id`, µs |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for f in figures:
        goal = GOAL_RATIO * f.raw + GOAL_SECONDS
        lines.append(
            f"| {f.kind} | {f.effort or '—'} | {f.fetched} | {f.raw * 1e6:.0f} | {f.engine * 1e6:.0f}"
            f" | {f.engine / f.raw:.2f} | {(f.engine - f.raw) * 1e6:.0f} | {goal * 1e6:.0f}"
            f" | {f.first * 1e6:.0f} | {f.by_id * 1e6:.0f} |"
        )
    lines += [
        "",
        f"## A batch of {BATCH:,}",
        "",
        f"The goal is at most {GOAL_BATCH:g} times raw.",
        "",
        "| kind | raw, ms | engine, ms | ratio | beyond raw, µs a query | first time, ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for f in figures:
        beyond = (f.engine_batch - f.raw_batch) / BATCH
        lines.append(
            f"| {f.kind} | {f.raw_batch * 1e3:.1f} | {f.engine_batch * 1e3:.1f}"
            f" | {f.engine_batch / f.raw_batch:.2f} | {beyond * 1e6:.0f} | {f.first_batch * 1e3:.1f} |"
        )
    return "\n".join(lines) + "\n"


def unit_rows(file: Path) -> Floats:
    """Read unit rows `(N, D) float32`."""
    rows: Floats = np.load(file, allow_pickle=False)
    if rows.ndim != 2 or rows.dtype != np.float32 or np.abs(np.linalg.norm(rows, axis=1) - 1).max() > 1e-3:
        raise SystemExit(f"{file}: must hold unit rows (N, D) float32")
    return rows


def main() -> None:
    """Make the missing indexes, measure them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="unit rows (N, D) float32, as .npy")
    parser.add_argument("--queries", type=Path, help="unit rows too; by default some rows of --vectors")
    parser.add_argument("--about", help="description of the vectors for the page")
    parser.add_argument("--work", type=Path, help="folder for the indexes")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=_KINDS)
    parser.add_argument("--rounds", type=int, default=7, help=f"batches; {_ROUND} single queries go with each")
    parser.add_argument("--out", type=Path, help="the page; by default the figures are printed as JSON lines")
    options = parser.parse_args()
    vectors = unit_rows(options.vectors)
    if options.queries is None:
        chosen = np.random.default_rng(0).permutation(len(vectors)) < min(2 * BATCH, len(vectors) // 10)
        vectors, queries = vectors[~chosen], vectors[chosen]
    else:
        queries = unit_rows(options.queries)
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds:
            index = (options.work or Path(folder)) / kind
            if not index.exists():
                make(index, kind, vectors)
            figures.append(measure(index, vectors, queries, options.rounds))
            print(json.dumps(asdict(figures[-1])), flush=True)
            if options.out is not None:  # after each kind: a stopped run leaves those that it has measured
                text = page(figures, len(vectors), vectors.shape[1], options.about or f"`{options.vectors.name}`")
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
