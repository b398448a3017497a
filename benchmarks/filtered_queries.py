"""Measure what a filter costs a query, in time and in recall, over every index kind; write the figures as Markdown.

    python -m benchmarks.filtered_queries --vectors X.npy --queries Q.npy --out docs/results/filtered_queries.md

X.npy and Q.npy hold unit rows `(N, D) float32`. Each kind is tuned for a recall of 0.95, as a build does, which also
measures up to how many rows of a filter are answered exactly. Queries without a filter and with each filter alternate,
so that other work on the machine affects all of them; each time is a median. With `--work` the indexes are kept, and
used again by the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.query_overhead import K, seconds, unit_rows, write_index
from indexer.tuning.structure import build_structure
from search import open_index
from search.config import BuildConfig
from search.indexes import KINDS
from search.store.catalog import Catalog
from search.store.segments import exact_search
from search.text import utc_today

if TYPE_CHECKING:
    from search.types import Floats, Mask

_RANDOM = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001, "few": 0.0001}
_SAID = {
    "half": "50 %",
    "tenth": "10 %",
    "hundredth": "1 %",
    "thousandth": "0.1 %",
    "few": "0.01 %",
    "around": "10 % around one picture",
    "away": "50 % far from it",
}
_ROUNDING = np.float32(1e-6)
_FIRST = 3


@dataclass(frozen=True)
class Filtered:
    """Queries of one kind with one filter."""

    said: str
    rows: int
    ms: float
    first_ms: float
    """With a filter that the engine has not seen yet, which SQLite evaluates."""
    recall: float
    exact: bool


@dataclass(frozen=True)
class Figures:
    """One kind."""

    kind: str
    effort: int | None
    exact_rows: int
    ms: float
    recall: float
    filtered: list[Filtered]


def masks(vectors: Floats) -> dict[str, Mask]:
    """Filters by the name of their column: random ones, and two that depend on the position."""
    random = np.random.default_rng(0)
    chosen = {name: random.random(len(vectors)) < share for name, share in _RANDOM.items()}
    order = np.argsort(vectors @ vectors[random.integers(len(vectors))])
    for name, rows in (("around", order[-(len(order) // 10) :]), ("away", order[: len(order) // 2])):
        chosen[name] = np.zeros(len(vectors), dtype=np.bool_)
        chosen[name][rows] = True
    return chosen


def make(index: Path, kind: str, vectors: Floats, chosen: dict[str, Mask]) -> None:
    """Build and tune a kind, and write an index with one boolean column for each filter."""
    built = build_structure(vectors, BuildConfig(kind=kind, device="cpu"))
    write_index(index, vectors, built.structure, built.tuning)
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.metadata.add_columns(dict.fromkeys(chosen, "boolean"))
        columns = np.stack(list(chosen.values()), axis=1).astype(int).tolist()
        catalog.metadata.put(list(chosen), enumerate(columns, start=1))


def measure(index: Path, queries: Floats, chosen: dict[str, Mask], truth: dict[str, Floats]) -> Figures:
    """Ask every query without a filter and with each filter, in turn; `truth` has distances of exact search."""
    first: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(_FIRST):
        with open_index(index, device="cpu") as engine:
            engine.search_vectors(queries[:1], K)
            for name in chosen:
                first[name].append(seconds(partial(engine.search_vectors, queries[:1], K, where=f"{name} = true")))
    took: dict[str, list[float]] = {name: [] for name in ("", *chosen)}
    found: dict[str, list[float]] = {name: [] for name in took}
    with open_index(index, device="cpu") as engine:
        for turn, query in enumerate(queries):
            for name, times in took.items():
                where = f"{name} = true" if name else None
                start = time.perf_counter()
                (hits,) = engine.search_vectors(query, K, where=where)
                times.append(time.perf_counter() - start)
                found[name].append(_share(np.array([hit.distance for hit in hits]), truth[name][turn]))
        ms = {name: 1e3 * float(np.median(times)) for name, times in took.items()}
        segment = engine.segments[0]
        filtered = [
            Filtered(
                *(_SAID[name], int(mask.sum()), ms[name], 1e3 * float(np.median(first[name]))),
                *(float(np.mean(found[name])), segment.structure.exact or int(mask.sum()) <= segment.exact_rows),
            )
            for name, mask in chosen.items()
        ]
        kind, effort, rows = segment.structure.kind, segment.structure.effort, segment.exact_rows
        return Figures(kind, effort, rows, ms[""], float(np.mean(found[""])), filtered)


def _share(distances: Floats, truth: Floats) -> float:
    """Share of the true neighbours that were found; rows at the same distance may replace each other."""
    wanted = int(np.isfinite(truth).sum())
    return min(1.0, np.count_nonzero(distances <= truth[wanted - 1] + _ROUNDING) / wanted) if wanted else 1.0


def page(figures: list[Figures], rows: int, dim: int, queries: int, source: str) -> str:
    """The page in Markdown."""
    lines = [
        "# Queries with filters",
        "",
        f"Written by `python -m benchmarks.filtered_queries` on {utc_today()}, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}, from {source}: {rows:,} vectors of {dim} dimensions in one segment, {queries}"
        f" queries one at a time, k = {K}, each kind tuned for a recall of {BuildConfig.recall:g}.",
        "",
        "Filters choose random rows, or depend on the position: the tenth of the rows that is nearest to one picture,",
        "and the half that is farthest from it. *Exact* is up to how many rows of a filter are compared one by one, as",
        "measured when the structure was tuned; such filters are marked with =. *First* is the first query with a",
        "filter, which SQLite evaluates; the engine keeps the result for as long as the index does not change.",
        "",
        "| kind | effort | exact, rows | filter | rows | ms | times unfiltered | recall@10 | first, ms |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for each in figures:
        lines.append(
            f"| {each.kind} | {each.effort or '—'} | {each.exact_rows:,} | none | {rows:,} | {each.ms:.2f} | 1.00"
            f" | {each.recall:.3f} | |"
        )
        lines += [
            f"| | | | {f.said}{' =' if f.exact else ''} | {f.rows:,} | {f.ms:.2f} | {f.ms / each.ms:.2f}"
            f" | {f.recall:.3f} | {f.first_ms:.0f} |"
            for f in each.filtered
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the missing indexes, measure them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="unit rows (N, D) float32, as .npy")
    parser.add_argument("--queries", type=Path, required=True, help="unit rows of other pictures")
    parser.add_argument("--about", help="description of the vectors for the page")
    parser.add_argument("--work", type=Path, help="folder for the indexes")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=["hnsw8", "hnsw", "pq4", "ivfpq4", "ivf", "ivfpq", "flat"]
    )
    parser.add_argument("--asked", type=int, default=200, help="number of queries")
    parser.add_argument("--out", type=Path, help="the page; by default the figures are printed as JSON lines")
    options = parser.parse_args()
    vectors, queries = unit_rows(options.vectors), unit_rows(options.queries)[: options.asked]
    chosen = masks(vectors)
    truth = {name: exact_search(vectors, queries, K, mask)[0] for name, mask in {"": None, **chosen}.items()}
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds:
            index = (options.work or Path(folder)) / kind
            if not index.exists():
                make(index, kind, vectors, chosen)
            figures.append(measure(index, queries, chosen, truth))
            print(json.dumps(asdict(figures[-1])), flush=True)
            if options.out is not None:  # after each kind: a stopped run leaves those that it has measured
                about = options.about or f"`{options.vectors.name}`"
                text = page(figures, len(vectors), vectors.shape[1], len(queries), about)
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
