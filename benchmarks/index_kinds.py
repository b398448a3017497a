"""Measure recall and speed of every index kind at every effort on real embeddings.

    python -m benchmarks.index_kinds --vectors X.npy --out docs/results/index_kinds.md

X.npy holds unit rows `(N, D) float32`. The queries are random rows of it that are held out of the indexes. Speeds are
ratios to `flat`, which is measured again next to each kind, so that other work on the machine affects both. For the
recall that tuning states, see `benchmarks.stated_recall`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.indexes import KINDS, index_class, resolve_device
from search.store.segments import Segment
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from search.indexes.base import VectorIndex
    from search.types import Floats

K = 10
_BATCH = 200
"""Queries of a batch whose speed is measured."""


@dataclass(frozen=True)
class Speed:
    """Queries per second, one at a time and in one batch."""

    single: float
    batched: float


@dataclass(frozen=True)
class Figures:
    """One kind at one effort; `speed` and `flat` are measured one after the other."""

    kind: str
    device: str
    build_seconds: float
    structure_bytes: int
    effort: int | None
    recall_at_1: float
    recall_at_10: float
    speed: Speed
    flat: Speed


def split(path: Path, held_out: int, seed: int) -> tuple[Floats, Floats]:
    """Read the vectors and split them: (rows to index, rows to query)."""
    vectors = np.load(path, allow_pickle=False)
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) < 20:
        raise SystemExit(f"{path}: must hold at least 20 rows (N, D) float32, not {vectors.shape} {vectors.dtype}")
    if np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > 1e-3:
        raise SystemExit(f"{path}: its rows must have unit length")
    order = np.random.default_rng(seed).permutation(len(vectors))
    count = min(held_out, len(vectors) // 10)
    return vectors[np.sort(order[count:])], vectors[order[:count]]


def correct(distances: Floats, truth: Floats, k: int) -> NDArray[np.bool_]:
    """Which of the first k hits `(Q, k)` are no farther than the true k-th, so that equal rows are interchangeable."""
    return np.asarray(distances[:, :k] <= truth[:, k - 1 : k] + 1e-6)


def recall(distances: Floats, truth: Floats, k: int) -> float:
    """Share of correct hits among the first k."""
    return float(np.mean(correct(distances, truth, k)))


def per_second(search: Callable[[int], int], seconds: float) -> float:
    """Call `search(turn)`, which returns its number of queries, for a while; return queries per second."""
    search(0)
    queries, turn, start = 0, 1, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or turn < 3:
        queries += search(turn)
        turn += 1
    return queries / spent


def speed(segment: Segment, queries: Floats, seconds: float) -> Speed:
    """Measure a segment as the engine searches it: candidates, then their exact distances."""

    def one(turn: int) -> int:
        place = turn % len(queries)
        segment.search(queries[place : place + 1], K)
        return 1

    def all_at_once(turn: int) -> int:
        segment.search(queries[:_BATCH], K)
        return len(queries[:_BATCH])

    return Speed(per_second(one, seconds), per_second(all_at_once, seconds))


def bytes_on_disk(structure: VectorIndex) -> int:
    """Size of the file that `save` writes; 0 for a kind without a file."""
    if not structure.stored:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "structure"
        structure.save(path)
        return path.stat().st_size


def measure(
    kind: str, device: str, vectors: Floats, queries: Floats, flat: Segment, truth: Floats, seconds: float
) -> list[Figures]:
    """Build one kind and measure it at each effort."""
    start = time.perf_counter()
    structure = index_class(kind)(device=device).build(vectors)
    spent = time.perf_counter() - start
    segment, size = Segment(0, vectors, structure), bytes_on_disk(structure)
    figures = []
    for effort in structure.effort_ladder(len(vectors)) or (None,):
        if effort is not None:
            structure.effort = effort
        distances, _ = segment.search(queries, K)
        figures.append(
            Figures(
                kind,
                device,
                spent,
                size,
                effort,
                recall(distances, truth, 1),
                recall(distances, truth, K),
                speed(segment, queries, seconds),
                speed(flat, queries, seconds),
            )
        )
        sys.stderr.write(f"{figures[-1]}\n")
        if figures[-1].recall_at_10 >= 0.9999:
            break
    return figures


def table(rows: list[Figures], vectors: Floats, queries: Floats, source: str) -> str:
    """Format the figures as Markdown."""
    flat = next(row for row in rows if row.kind == "flat").speed
    lines = [
        "# Index kinds",
        "",
        f"Written by `python -m benchmarks.index_kinds` on {utc_today()}, {os.cpu_count()} cores, from"
        f" {source}: {len(vectors):,} vectors of {vectors.shape[1]} dimensions indexed ({vectors.nbytes / 2**20:.1f} "
        f"MiB); {len(queries):,} other rows of the same file, held out, are the queries, with k = {K}.",
        "",
        "Recall is measured against `flat`; an answer no farther than the true k-th counts, so that equal rows may "
        "replace each other. Each kind is searched as the engine searches it: candidates from the structure, "
        "re-ranked by exact distance. The effort is doubled until recall@10 reaches 1. Speeds are ratios to `flat`, "
        f"measured next to each kind; above 1 is faster than exact search. `flat` itself: {flat.single:,.0f} queries "
        f"per second one by one, {flat.batched:,.0f} in batches"
        f" of {_BATCH}. Parameters are the defaults; graphs are built by all cores.",
        "",
        "| kind | device | build, s | structure, MiB | effort | recall@1 | recall@10 | one by one | batched |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.kind} | {row.device} | {row.build_seconds:.2f} | {row.structure_bytes / 2**20:.1f}"
        f" | {row.effort or '—'} | {row.recall_at_1:.4f} | {row.recall_at_10:.4f}"
        f" | {row.speed.single / row.flat.single:.2f} | {row.speed.batched / row.flat.batched:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the chosen kinds and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="unit rows (N, D) float32, as .npy")
    parser.add_argument("--about", help="description of the vectors for the page")
    parser.add_argument("--out", type=Path, default=Path("docs/results/index_kinds.md"))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[kind for kind in KINDS if kind != "cagra"])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="for kinds that support it")
    parser.add_argument("--queries", type=int, default=1000, help="number of held-out rows; at most a tenth of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1.5, help="shortest time over which each speed is measured")
    options = parser.parse_args()
    vectors, queries = split(options.vectors, options.queries, options.seed)
    resolve_device(options.device, "auto")  # reports a missing GPU before the work begins
    flat = Segment(0, vectors, index_class("flat")().build(vectors))
    truth, _ = flat.search(queries, K)
    rows = []
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for kind in dict.fromkeys(["flat", *options.kinds]):
        device = resolve_device("auto" if options.device == "cuda" else options.device, kind)
        rows += measure(kind, device, vectors, queries, flat, truth, options.seconds)
        page = table(rows, vectors, queries, options.about or f"`{options.vectors.name}`")
        options.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
