"""Compare an index folder with the same index in Milvus Lite: recall, time and disk; write the figures as Markdown.

    python -m benchmarks.stores --vectors X.npy --queries Q.npy --out docs/results/stores.md

X.npy and Q.npy hold unit rows `(N, D) float32`. The folder has a graph, `hnsw`, and is migrated into Milvus Lite with
each index type. All stores answer the same queries through the same engine, in turns. With `--work` the indexes are
kept, and used again by the next run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.query_overhead import make, unit_rows
from indexer import MigrateConfig, migrate
from search import StoreError, open_index
from search.text import megabytes, utc_today

if TYPE_CHECKING:
    from search import SearchEngine
    from search.types import Floats

K = 10
TYPES = ("HNSW", "IVF_FLAT", "FLAT")
FILTERS = {"label = label7": "1 % of the pictures", "taken is not null": "half of them"}
"""Filter -> what it leaves; `benchmarks.query_overhead.write_index` makes the values."""
_BATCH = 100


@dataclass(frozen=True)
class Figures:
    """One store; times in seconds, medians."""

    name: str
    opened: float
    recall: float
    alone: float
    batch: float
    filtered: tuple[float, ...]
    filtered_recall: tuple[float, ...]
    size: int


def exact(vectors: Floats, queries: Floats, rows: np.ndarray) -> list[set[int]]:
    """Ids of the K nearest among some rows of each query."""
    squares = ((vectors[rows] ** 2).sum(axis=1))[None] - 2 * queries @ vectors[rows].T
    return [set((rows[each] + 1).tolist()) for each in np.argpartition(squares, K, axis=1)[:, :K]]


def size_of(place: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(each.stat().st_size for each in place.rglob("*") if each.is_file())


def recall(engine: SearchEngine, queries: Floats, truth: list[set[int]], where: str | None = None) -> float:
    """Share of the exact answers that is found."""
    found = engine.search_vectors(queries, K, where=where)
    return sum(len({hit.id for hit in hits} & ids) for hits, ids in zip(found, truth, strict=True)) / (K * len(truth))


def measure(places: dict[str, tuple[Path | str, Path]], vectors: Floats, queries: Floats, rounds: int) -> list[Figures]:
    """Ask all stores in turns."""
    rows = np.arange(len(vectors))
    chosen = {"label = label7": rows[rows % 100 == 7], "taken is not null": rows[rows % 2 == 0]}
    truth = {where: exact(vectors, queries, chosen.get(where, rows)) for where in ("", *FILTERS)}
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as opened:
        engines = {}
        for name, (place, _) in places.items():
            begun = time.perf_counter()
            engines[name] = opened.enter_context(open_index(place, device="cpu"))
            took[name, "opened"].append(time.perf_counter() - begun)
            engines[name].search_vectors(queries[:1], K)
        for turn in range(rounds):
            for name, engine in engines.items():
                one = queries[turn % len(queries)][None]
                some = queries[:_BATCH]
                for what, asked, where in (
                    ("alone", one, None),
                    *((each, one, each) for each in FILTERS),
                    *((("batch", some, None),) if turn % 10 == 0 else ()),
                ):
                    begun = time.perf_counter()
                    engine.search_vectors(asked, K, where=where)
                    took[name, what].append(time.perf_counter() - begun)
        return [
            Figures(
                name,
                took[name, "opened"][0],
                recall(engine, queries, truth[""]),
                median(took[name, "alone"]),
                median(took[name, "batch"]) / _BATCH,
                tuple(median(took[name, each]) for each in FILTERS),
                tuple(recall(engine, queries, truth[each], each) for each in FILTERS),
                size_of(places[name][1]),
            )
            for name, engine in engines.items()
        ]


def page(figures: list[Figures], rows: int, dim: int, asked: int, source: str) -> str:
    """The page in Markdown."""
    lines = [
        "# A folder and Milvus Lite",
        "",
        f"Written by `python -m benchmarks.stores` on {utc_today()}, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}, from {source}: {rows:,} vectors of {dim} dimensions, {asked:,} queries, k = {K}.",
        "",
        "All stores answer through the same engine, in turns, with hits that show paths, labels and metadata. Times are"
        " medians in milliseconds. Milvus Lite runs in the same process. A Milvus server has not been measured.",
        "",
        f"| store | open, s | recall@{K} | one query | in a batch of {_BATCH} | on disk |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for f in figures:
        lines.append(
            f"| {f.name} | {f.opened:.2f} | {f.recall:.3f} | {f.alone * 1e3:.2f} | {f.batch * 1e3:.2f}"
            f" | {megabytes(f.size)} |"
        )
    heads = [f"`{where}` ({left})" for where, left in FILTERS.items()]
    lines += ["", "## With a filter", "", f"| store | {' | '.join(f'{each}: ms | recall' for each in heads)} |"]
    lines.append("|---|" + "---:|" * 2 * len(heads))
    for f in figures:
        cells = (
            f"{seconds * 1e3:.2f} | {share:.3f}" for seconds, share in zip(f.filtered, f.filtered_recall, strict=True)
        )
        lines.append(f"| {f.name} | {' | '.join(cells)} |")
    lines += ["", "A folder keeps the rows of a filter for later queries; Milvus evaluates it for each.", ""]
    return "\n".join(lines)


def main() -> None:
    """Make the missing indexes, measure all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="unit rows (N, D) float32, as .npy")
    parser.add_argument("--queries", type=Path, required=True, help="unit rows too")
    parser.add_argument("--most", type=int, default=200, help="queries to ask")
    parser.add_argument("--rounds", type=int, default=60, help="single queries of each store")
    parser.add_argument("--types", nargs="+", default=TYPES, help="index types of Milvus")
    parser.add_argument("--about", help="description of the vectors for the page")
    parser.add_argument("--work", type=Path, help="folder for the indexes")
    parser.add_argument("--out", type=Path, help="the page; by default it is printed")
    options = parser.parse_args()
    vectors, queries = unit_rows(options.vectors), unit_rows(options.queries)[: options.most]
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).absolute()
        folder = work / "folder"
        if not folder.exists():
            make(folder, "hnsw", vectors)
        places: dict[str, tuple[Path | str, Path]] = {"folder, `hnsw`": (folder, folder)}
        for index_type in options.types:
            file = work / f"{index_type.lower()}.db"
            uri = f"milvus:{file}/photos"
            try:
                open_index(uri, device="cpu").close()
            except StoreError:  # not there, or an interrupted migration
                migrate(folder, uri, MigrateConfig(index_type=index_type))
            places[f"Milvus Lite, `{index_type}`"] = (uri, file)
        figures = measure(places, vectors, queries, options.rounds)
        text = page(figures, len(vectors), vectors.shape[1], len(queries), options.about or f"`{options.vectors.name}`")
    if options.out is None:
        print(text)
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
