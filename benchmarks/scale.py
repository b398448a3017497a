"""Measure what an index costs as it grows: import, rebuild, open, query, add, remove, memory and disk.

    python -m benchmarks.scale VECTORS.npy --queries QUERIES.npy --work WORK --out docs/results/scale.md

VECTORS holds real embeddings, unit rows `(N, D) float32`. Each vector of a collection is one of them plus `--noise`
times the difference of two others, scaled to unit length. QUERIES are embeddings of other pictures. Each step runs in
its own process, so that its peak memory can be measured. With `--work` a stopped run resumes after its last finished
step. The estimates beyond the largest collection are straight lines, or for queries a line over log2 of the size.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.million import IMPORT, REBUILD, REMOVE, Steps
from benchmarks.million_vectors import made
from search.indexes import AUTO, KINDS
from search.store.segments import exact_search
from search.text import utc_today

if TYPE_CHECKING:
    from search.types import Floats

K = 10
CHANGED = 1_000
"""Pictures that are added, and removed."""
BEYOND = (10_000_000, 100_000_000, 1_000_000_000)
_ROUNDING = 1e-5
OPEN = """
import os
import numpy as np
from search import open_index
query = np.load(words["queries"])[0]
began, cpu = time.perf_counter(), time.process_time()
with open_index(words["index"], device="cpu") as engine:
    engine.search_vectors(query, words["k"])
    result["first"], result["first_cpu"] = time.perf_counter() - began, time.process_time() - cpu
"""
ASK = """
import numpy as np
from search import open_index
queries = np.load(words["queries"])
with open_index(words["index"], device="cpu") as engine:
    engine.search_vectors(queries[:1], words["k"])
    took = []
    for query in queries:
        start = time.perf_counter()
        engine.search_vectors(query, words["k"])
        took.append(time.perf_counter() - start)
    result["median"], result["p95"] = float(np.median(took)), float(np.percentile(took, 95))
    result["ids"] = [[hit.id for hit in found] for found in engine.search_vectors(queries, words["k"])]
    info = engine.info()
    result["kinds"] = sorted({segment.kind for segment in info.segments})
    result["stated"] = min((s.recall for s in info.segments if s.recall is not None), default=None)
"""


@dataclass(frozen=True)
class Sized:
    """Results of all steps of one kind at one size."""

    kind: str
    rows: int
    imported: dict[str, Any]
    rebuilt: dict[str, Any]
    opened: dict[str, Any]
    asked: dict[str, Any]
    added: dict[str, Any]
    removed: dict[str, Any]
    recall: float
    bytes: dict[str, int]
    """Bytes of the catalog, the vectors and the structures."""

    @property
    def disk(self) -> int:
        """Bytes of the index folder."""
        return sum(self.bytes.values())


def sized(kind: str, rows: int, work: Path, steps: Steps, tenth: Floats) -> Sized:
    """Run all steps of one kind at one size."""
    name, index = f"{kind}, {rows}", work / f"{kind}-{rows}.index"
    words = {"index": str(index), "kind": kind, "queries": str(work / "queries.npy"), "k": K}
    files = {"vectors": str(work / f"{rows}.npy"), "paths": str(work / f"{rows}.txt")}
    more = {"vectors": str(work / "more.npy"), "paths": str(work / "more.txt")}
    imported = steps.run(f"{name}, import", IMPORT, **words, **files)
    rebuilt = steps.run(f"{name}, rebuild", REBUILD, **words)
    opened = steps.run(f"{name}, open", OPEN, **words)
    asked = steps.run(f"{name}, query", ASK, **words)
    size = steps.run(f"{name}, bytes", BYTES, **words)
    added = steps.run(f"{name}, add", IMPORT, **words, **more)
    removed = steps.run(f"{name}, remove", REMOVE, **words, ids=str(work / "removed.json"))
    shutil.rmtree(index, ignore_errors=True)
    found = np.array(asked["ids"]) - 1
    vectors = np.load(work / f"{rows}.npy", mmap_mode="r")
    apart = np.linalg.norm(vectors[found] - np.load(work / "queries.npy")[:, None], axis=2)
    recall = float(np.mean(apart <= tenth[:, None] + _ROUNDING))
    parts = {part: size[part] for part in ("catalog", "vectors", "structures")}
    return Sized(kind, rows, imported, rebuilt, opened, asked, added, removed, recall, parts)


BYTES = """
sizes = {file: file.stat().st_size for file in Path(words["index"]).rglob("*") if file.is_file()}
result["catalog"] = sum(size for file, size in sizes.items() if "catalog" in file.name)
result["vectors"] = sum(size for file, size in sizes.items() if file.suffix == ".npy")
result["structures"] = sum(sizes.values()) - result["catalog"] - result["vectors"]
"""


def page(results: list[Sized], about: str, rounds: str) -> str:
    """The page, as Markdown."""
    lines = ["# Costs by size", "", rounds.format(about=about), ""]
    lines += [
        "| kind | vectors | chosen | import, s | own memory, MiB | rebuild, s | own memory, MiB | open to the first"
        " answer, s (CPU) | own memory, MiB | one query, ms (p95) | recall@10 (stated) | add 1,000, s | remove 1,000,"
        " s | disk, MiB | catalog | vectors | structures |",
        "|---|---:|---|" + "---:|" * 14,
    ]
    for r in results:
        stated = "exact" if r.asked["stated"] is None else f"{r.asked['stated']:.3f}"
        lines.append(
            f"| {r.kind} | {r.rows:,} | {', '.join(r.asked['kinds'])} | {r.imported['seconds']:.1f}"
            f" | {mib(r.imported['peak'])} | {r.rebuilt['seconds']:.1f} | {mib(r.rebuilt['peak'])}"
            f" | {r.opened['first']:.2f} ({r.opened['first_cpu']:.2f}) | {mib(r.opened['peak'])}"
            f" | {1000 * r.asked['median']:.2f} ({1000 * r.asked['p95']:.2f}) | {r.recall:.4f} ({stated})"
            f" | {r.added['seconds']:.1f} | {r.removed['seconds']:.1f} | {mib(r.disk)} | {mib(r.bytes['catalog'])}"
            f" | {mib(r.bytes['vectors'])} | {mib(r.bytes['structures'])} |"
        )
    return "\n".join(lines + estimates(results)) + "\n"


def estimates(results: list[Sized]) -> list[str]:
    """Markdown with the lines through the measured sizes, and what they give beyond."""
    lines = [
        "",
        "## Beyond",
        "",
        "Straight lines by least squares through the sizes above, with the error at the largest size when the line is"
        " drawn without it. A query by a graph is a line over log2 of the size; a query by codes or by all vectors is a"
        " line over the size. *Memory* is what should fit into memory for these times: structures, and for `flat` the"
        " vectors. It is mapped from files, so that a machine with less still answers, more slowly.",
        "",
        "| kind | cost | per million, beyond the start | error at the largest | "
        + " | ".join(f"{n:,}" for n in BEYOND)
        + " |",
        "|---|---|---:|---:|" + "---:|" * len(BEYOND),
    ]
    for kind in dict.fromkeys(r.kind for r in results):
        own = [r for r in results if r.kind == kind]
        if len(own) < 2:
            continue
        for title, unit, values, log in _costs(own):
            line = Line([r.rows for r in own], values, log)
            shorter = Line([r.rows for r in own[:-1]], values[:-1], log) if len(own) > 2 else None
            error = "" if shorter is None else f"{shorter.at(own[-1].rows) / values[-1] - 1:+.0%}"
            cells = " | ".join(f"{line.at(n):,.3g} {unit}" for n in BEYOND)
            slope = f"{line.slope:.3g} {unit} a doubling" if log else f"{line.slope * 1e6:,.3g} {unit}"
            lines.append(f"| {kind} | {title} | {slope} | {error} | {cells} |")
    return lines


def _costs(own: list[Sized]) -> list[tuple[str, str, list[float], bool]]:
    graph = all(each in {"hnsw", "hnsw8", "hnswlib"} for each in own[-1].asked["kinds"])
    needed = [(r.bytes["vectors"] if "flat" in r.asked["kinds"] else r.bytes["structures"]) / 2**30 for r in own]
    return [
        ("import", "h", [r.imported["seconds"] / 3600 for r in own], False),
        ("rebuild", "h", [r.rebuilt["seconds"] / 3600 for r in own], False),
        ("open", "s", [r.opened["first"] for r in own], False),
        ("one query", "ms", [1000 * r.asked["median"] for r in own], graph),
        ("disk", "GiB", [r.disk / 2**30 for r in own], False),
        ("memory", "GiB", needed, False),
    ]


class Line:
    """A line by least squares over the size, or over its log2."""

    def __init__(self, sizes: list[int], values: list[float], log: bool) -> None:
        self._log = log
        if len(sizes) == 1:
            self.slope, self.start = values[0] / self._x(sizes[0]), 0.0
        else:
            self.slope, self.start = map(float, np.polyfit([self._x(size) for size in sizes], values, 1))

    def at(self, size: int) -> float:
        """The value at a size; not below zero."""
        return max(0.0, self.start + self.slope * self._x(size))

    def _x(self, size: int) -> float:
        return float(np.log2(size)) if self._log else float(size)


def mib(size: float) -> str:
    """Format a size in MiB."""
    return f"{size / 2**20:,.0f}"


def write_inputs(work: Path, real: Floats, options: argparse.Namespace) -> None:
    """Write the vectors, paths and rows of every size that are missing."""
    work.mkdir(parents=True, exist_ok=True)
    everything = made(real, max(options.sizes) + CHANGED, options.noise, options.seed)
    for name, rows in {
        **{str(size): everything[:size] for size in options.sizes},
        "more": everything[-CHANGED:],
    }.items():
        if not (work / f"{name}.npy").exists():
            np.save(work / f"{name}.npy", rows)
            places = "".join(f"{name if name == 'more' else 'pictures'}/{row:09d}.jpg\n" for row in range(len(rows)))
            (work / f"{name}.txt").write_text(places, "utf-8")
    gone = np.random.default_rng(options.seed).choice(min(options.sizes), CHANGED, replace=False) + 1
    (work / "removed.json").write_text(json.dumps(sorted(gone.tolist())), "utf-8")


def main() -> None:
    """Measure every size of every kind and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path, help="unit rows (N, D) float32 as .npy: real embeddings")
    parser.add_argument("--queries", type=Path, required=True, help="unit rows of other pictures as .npy")
    parser.add_argument("--about", default="pictures", help="description of the embeddings for the page")
    parser.add_argument("--sizes", type=int, nargs="+", default=[62_000, 250_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=(AUTO, *KINDS), default=[AUTO, "pq4", "flat"])
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--asked", type=int, default=200, help="number of queries")
    parser.add_argument("--work", type=Path, help="folder to keep, for resuming; defaults to a temporary one")
    parser.add_argument("--out", type=Path, default=Path("docs/results/scale.md"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if min(options.sizes) < CHANGED:
        parser.error(f"--sizes: must be at least {CHANGED}")
    options.sizes.sort()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with tempfile.TemporaryDirectory() as temporary:
        run(options, options.work or Path(temporary))


def run(options: argparse.Namespace, work: Path) -> None:
    """Run all steps in the folder `work`, and write the page after each size."""
    real = np.load(options.vectors, allow_pickle=False)
    write_inputs(work, real, options)
    queries = np.load(options.queries, allow_pickle=False)[: options.asked]
    np.save(work / "queries.npy", queries)
    steps = Steps(work / "scale.json", {name: getattr(options, name) for name in ("sizes", "noise", "asked", "seed")})
    results = []
    tenth = {}
    for size in options.sizes:
        tenth[size] = exact_search(np.load(work / f"{size}.npy"), queries, K, None)[0][:, -1]
    text = (
        f"Written by `python -m benchmarks.scale` on {utc_today()}; {os.cpu_count()} cores, perhaps shared with other "
        f"work, no GPU. Vectors of {real.shape[1]} dimensions: {len(real):,} embeddings ({{about}}), each plus "
        f"{options.noise} times the difference of two others, scaled to unit length. The {len(queries):,} queries are "
        "embeddings of other pictures. Every step runs in a process of its own; its seconds exclude Python's start, "
        "and *own memory* is its peak that no file backs, the libraries included. `import` stores the vectors and "
        "builds the structure, with the tuning; `rebuild` merges segments and builds again; *add* imports 1,000 "
        "vectors more."
    )
    for kind in options.kinds:
        for size in options.sizes:
            results.append(sized(kind, size, work, steps, tenth[size]))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(page(results, options.about, text), encoding="utf-8")


if __name__ == "__main__":
    main()
