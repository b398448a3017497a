"""Compare the recall that tuning states with the recall of real pictures that were never in the collection.

    python -m benchmarks.stated_recall photos=X.npy,QUERIES.npy digits=Y.npy,QUERIES.npy --copies 16

Each NAME=VECTORS.npy,QUERIES.npy is a collection: unit rows `(N, D) float32` to index, and embeddings of other pictures
of the same source as queries. With `--copies`, each collection is measured a second time with so many copies of each of
some of its pictures in place of the others (`benchmarks.million_vectors`).
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.million_vectors import made
from indexer.metrics.wilson import mean_of_shares
from indexer.tuning.probes import K, probes_of
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.indexes import AUTO, KINDS
from search.store.segments import Segment
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.metrics.bootstrap import Figure
    from search.tuned import MeasuredRecall
    from search.types import Floats

_NOISE = 0.1
_SEED = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One kind over one collection."""

    collection: str
    rows: int
    kind: str
    target: float
    effort: int | None
    stated: MeasuredRecall
    found: Figure

    @property
    def verdict(self) -> str:
        """Whether the recall that was found lies in the stated interval."""
        low, high = self.found.interval or (0.0, 1.0)
        if high < self.stated.low:
            return "**below**"
        if low > self.stated.high:
            return "above"
        return "inside" if self.stated.low <= self.found.value <= self.stated.high else "intervals overlap"


def measured(name: str, vectors: Floats, queries: Floats, kind: str, target: float) -> Row | None:
    """Build and tune as `twinlens build` does, and search for the queries; None if an exact kind was chosen."""
    built = build_structure(vectors, BuildConfig(kind=kind, recall=target, device="cpu"))
    if built.tuning is None or built.tuning.recall is None:
        return None
    truth = probes_of(vectors, np.empty(0, dtype=np.int64), queries, "")
    found = mean_of_shares(truth.shares_found(Segment(0, vectors, built.structure).search(queries, K)[0]), K)
    shown = built.structure.kind if kind != AUTO else f"auto ({built.structure.kind})"
    row = Row(name, len(vectors), shown, target, built.structure.effort, built.tuning.recall, found)
    sys.stderr.write(f"{row}\n")
    return row


def collections(options: argparse.Namespace) -> Iterator[tuple[str, Floats, Floats]]:
    """Name, vectors and queries of each collection, then those with copies."""
    for text in options.collections:
        name, _, files = text.partition("=")
        vectors, queries = (np.load(Path(file), allow_pickle=False) for file in files.split(","))
        yield name, vectors, queries[: options.queries]
        if options.copies:
            chosen = np.random.default_rng(_SEED).permutation(len(vectors))[: len(vectors) // options.copies]
            copied = made(vectors[chosen], len(vectors), _NOISE, _SEED)
            yield f"{name}, {options.copies} copies of each", copied, queries[: options.queries]


def page(rows: list[Row]) -> str:
    """The page, as Markdown."""
    lines = [
        "# Stated recall",
        "",
        f"Written by `python -m benchmarks.stated_recall` on {utc_today()}; {os.cpu_count()} cores, perhaps shared "
        "with other work.",
        "",
        "*Stated* is what `twinlens info` reports: recall@10 with its 95 % interval, measured while the structure was "
        "built with held-out rows that are moved a little, without their copies (`indexer/tuning/probes.py`); the "
        "effort is the least at which the lower end reaches the target. *Found* is the recall@10 of the embeddings of "
        "other pictures of the same source, which were never in the collection, against exact search. Both intervals "
        "are Wilson intervals over queries. In a collection with copies, each vector is one of the pictures plus "
        f"{_NOISE} times the difference of two others.",
        "",
        "| collection | vectors | kind | target | effort | stated | found | |",
        "|---|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        stated = f"{row.stated.value:.3f} ({row.stated.low:.3f} to {row.stated.high:.3f})"
        lines.append(
            f"| {row.collection} | {row.rows:,} | {row.kind} | {row.target:g} | {row.effort} | {stated} | {row.found}"
            f" | {row.verdict} |"
        )
    below = sum(row.verdict == "**below**" for row in rows)
    lines += ["", f"The recall found was significantly below the stated one in {below} of {len(rows)} rows."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure all collections and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", metavar="NAME=VECTORS.npy,QUERIES.npy")
    parser.add_argument("--kinds", nargs="+", choices=(AUTO, *KINDS), default=["pq4", "hnsw8"])
    parser.add_argument("--targets", nargs="+", type=float, default=[BuildConfig.recall])
    parser.add_argument("--copies", type=int, default=0, help="copies of each picture in a second collection; 0: none")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/stated_recall.md"))
    options = parser.parse_args()
    rows = []
    for name, vectors, queries in collections(options):
        for kind in options.kinds:
            for target in options.targets:
                row = measured(name, vectors, queries, kind, target)
                rows += [] if row is None else [row]
                options.out.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
