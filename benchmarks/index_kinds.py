"""Build every index kind over real embeddings, walk its efforts, and write recall and speed as Markdown; tune it as
`twinlens build` does, and see whether the recall that is then stated is the one that new queries have.

    python -m benchmarks.index_kinds --vectors X.npy --out docs/results/index_kinds.md

X.npy holds unit rows `(N, D) float32`. The queries are rows of it, drawn at random and held out: no index holds them.
Each figure of speed is a ratio to `flat`, measured again beside each kind, so that a busy machine disturbs both.
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

from indexer.pipeline.tune import build_structure
from search.config import BuildConfig
from search.indexes import KINDS, index_class, resolve_device
from search.store.segments import Segment
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from search.config import Device
    from search.indexes.base import VectorIndex
    from search.types import Floats

K = 10
_SECONDS = 1.5
"""Least time that each figure of speed is taken over."""


@dataclass(frozen=True)
class Speed:
    """Queries a second, asked one at a time and all at once."""

    single: float
    batched: float


@dataclass(frozen=True)
class Figures:
    """One kind at one effort; `speed` and `flat` were measured one after the other."""

    kind: str
    device: str
    build_seconds: float
    structure_bytes: int
    effort: int | None
    recall_at_1: float
    recall_at_10: float
    speed: Speed
    flat: Speed


@dataclass(frozen=True)
class Promise:
    """What tuning states of a kind, and what the queries then find."""

    kind: str
    device: str
    build_seconds: float
    effort: int | None
    stated: float
    found: float
    error: float
    """Half of the 95 % interval of `found`, by query."""


def split(path: Path, held_out: int, seed: int) -> tuple[Floats, Floats]:
    """Read the vectors and draw the queries from them: (rows that are indexed, rows that ask)."""
    vectors = np.load(path, allow_pickle=False)
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) < 20:
        raise SystemExit(f"{path}: must hold at least 20 rows (N, D) float32, not {vectors.shape} {vectors.dtype}")
    if np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > 1e-3:
        raise SystemExit(f"{path}: its rows must have unit length")
    order = np.random.default_rng(seed).permutation(len(vectors))
    asking = min(held_out, len(vectors) // 10)
    return vectors[np.sort(order[asking:])], vectors[order[:asking]]


def near_enough(distances: Floats, truth: Floats, k: int) -> NDArray[np.bool_]:
    """Which of the first k answers `(Q, k)` are no farther than the true k-th: equal rows may stand for each other."""
    return np.asarray(distances[:, :k] <= truth[:, k - 1 : k] + 1e-6)


def recall(distances: Floats, truth: Floats, k: int) -> float:
    """Share of them."""
    return float(np.mean(near_enough(distances, truth, k)))


def per_second(ask: Callable[[int], int]) -> float:
    """Run `ask(turn)`, which says how many queries it answered, for a while and return queries a second."""
    ask(0)
    answered, turn, start = 0, 1, time.perf_counter()
    while (spent := time.perf_counter() - start) < _SECONDS or turn < 3:
        answered += ask(turn)
        turn += 1
    return answered / spent


def speed(segment: Segment, queries: Floats) -> Speed:
    """Measure a segment as the engine asks it: candidates, then their exact distances."""

    def one(turn: int) -> int:
        place = turn % len(queries)
        segment.search(queries[place : place + 1], K)
        return 1

    def all_at_once(turn: int) -> int:
        segment.search(queries, K)
        return len(queries)

    return Speed(per_second(one), per_second(all_at_once))


def bytes_on_disk(structure: VectorIndex) -> int:
    """Size of the file that `save` writes; 0 for a kind that needs none."""
    if not structure.stored:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "structure"
        structure.save(path)
        return path.stat().st_size


def measure(kind: str, device: str, vectors: Floats, queries: Floats, flat: Segment, truth: Floats) -> list[Figures]:
    """Build one kind and walk its ladder of efforts."""
    start = time.perf_counter()
    structure = index_class(kind)(device=device).build(vectors)
    seconds = time.perf_counter() - start
    segment, size = Segment(0, vectors, structure), bytes_on_disk(structure)
    found = []
    for effort in structure.effort_ladder(len(vectors)) or (None,):
        if effort is not None:
            structure.effort = effort
        distances, _ = segment.search(queries, K)
        found.append(
            Figures(
                kind,
                device,
                seconds,
                size,
                effort,
                recall(distances, truth, 1),
                recall(distances, truth, K),
                speed(segment, queries),
                speed(flat, queries),
            )
        )
        sys.stderr.write(f"{found[-1]}\n")
        if found[-1].recall_at_10 >= 0.9999:
            break
    return found


def promised(kind: str, device: Device, vectors: Floats, queries: Floats, truth: Floats, wanted: float) -> Promise:
    """Build and tune as `twinlens build` does, and ask the queries."""
    start = time.perf_counter()
    structure, stated = build_structure(vectors, kind=kind, recall=wanted, device=device)
    seconds = time.perf_counter() - start
    assert stated is not None, "the kind is approximate"
    distances, _ = Segment(0, vectors, structure).search(queries, K)
    each = near_enough(distances, truth, K).mean(axis=1)
    error = 1.96 * float(each.std(ddof=1)) / len(each) ** 0.5
    found = Promise(kind, structure.device, seconds, structure.effort, stated, float(each.mean()), error)
    sys.stderr.write(f"{found}\n")
    return found


def promises(rows: list[Promise], wanted: float) -> str:
    """The same as Markdown."""
    lines = [
        "## Stated recall",
        "",
        f"Tuned for a recall@10 of {wanted:g}, as `twinlens build` does: the effort is doubled until that recall is "
        "measured on held-out rows, which are added afterwards. *Stated* is that measurement, which `twinlens info` "
        "reports; *found* is the recall of the held-out queries, with its 95 %"
        " interval by query.",
        "",
        "| kind | device | build and tune, s | effort | stated | found |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.kind} | {row.device} | {row.build_seconds:.1f} | {row.effort} | {row.stated:.4f}"
        f" | {row.found:.4f} ± {row.error:.4f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def table(rows: list[Figures], vectors: Floats, queries: Floats, source: str) -> str:
    """The figures as Markdown."""
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
        f"per second one by one, {flat.batched:,.0f} in one"
        " batch. Parameters are the defaults; graphs are built by one thread, so that each build gives the same graph.",
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
    """Measure the kinds asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="unit rows (N, D) float32, as .npy")
    parser.add_argument("--about", help="what the vectors are, for the reader of the page")
    parser.add_argument("--out", type=Path, default=Path("docs/results/index_kinds.md"))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="for the kinds that can")
    parser.add_argument("--queries", type=int, default=1000, help="rows held out; at most a tenth of them")
    parser.add_argument("--recall", type=float, default=BuildConfig.recall, help="that tuning is asked for")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    vectors, queries = split(options.vectors, options.queries, options.seed)
    resolve_device(options.device, "auto")  # cuda where there is none is said before the work
    flat = Segment(0, vectors, index_class("flat")().build(vectors))
    truth, _ = flat.search(queries, K)
    rows, kept = [], []
    for kind in dict.fromkeys(["flat", *options.kinds]):
        wanted: Device = "auto" if options.device == "cuda" else options.device
        device = resolve_device(wanted, kind)
        rows += measure(kind, device, vectors, queries, flat, truth)
        if kind != "flat":
            kept.append(promised(kind, wanted, vectors, queries, truth, options.recall))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    page = [table(rows, vectors, queries, options.about or f"`{options.vectors.name}`")]
    if kept:
        page.append(promises(kept, options.recall))
    options.out.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
