"""Compare the recall that tuning states with the recall of real pictures that were never in the collection.

    python -m benchmarks.stated_recall photos=X.npy,QUERIES.npy,PATHS.txt clothes=Y.npy,QUERIES.npy --copies 16

Each NAME=VECTORS.npy,QUERIES.npy is a collection: unit rows `(N, D) float32` to index, and embeddings of other pictures
of the same source as queries. PATHS.txt, one line per row, names the pictures; then altered views of them, embedded by
`--encoder`, are used too. With `--copies`, each collection is measured again with so many copies of each of some of its
pictures in place of the others (`benchmarks.million_vectors`).
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
from indexer.pipeline.picture_views import PictureViews
from indexer.tuning.probes import K, probes_of
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.encoders import load_encoder
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


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors to index and queries that are not among them."""

    name: str
    vectors: Floats
    queries: Floats
    views: PictureViews | None = None


def measured(collection: Collection, kind: str, target: float) -> Row | None:
    """Build and tune as `twinlens build` does, and search for the queries; None if an exact kind was chosen."""
    vectors, queries = collection.vectors, collection.queries
    config = BuildConfig(kind=kind, recall=target, device="cpu")
    built = build_structure(vectors, config, views=collection.views)
    if built.tuning is None or built.tuning.recall is None:
        return None
    truth = probes_of(vectors, np.empty(0, dtype=np.int64), queries, "")
    found = mean_of_shares(truth.shares_found(Segment(0, vectors, built.structure).search(queries, K)[0]), K)
    shown = built.structure.kind if kind != AUTO else f"auto ({built.structure.kind})"
    row = Row(collection.name, len(vectors), shown, target, built.structure.effort, built.tuning.recall, found)
    sys.stderr.write(f"{row}\n")
    return row


def collections(options: argparse.Namespace) -> Iterator[Collection]:
    """Each collection by its vectors, by its pictures if there are any, and with copies."""
    for text in options.collections:
        name, _, files = text.partition("=")
        places = [Path(file) for file in files.split(",")]
        vectors, queries = np.load(places[0]), np.load(places[1])[: options.queries]
        yield Collection(name, vectors, queries)
        if len(places) > 2:
            yield Collection(name, vectors, queries, _views(places[2], options.encoder))
        if options.copies:
            chosen = np.random.default_rng(_SEED).permutation(len(vectors))[: len(vectors) // options.copies]
            copied = made(vectors[chosen], len(vectors), _NOISE, _SEED)
            yield Collection(f"{name}, {options.copies} copies of each", copied, queries)


def _views(file: Path, encoder: str) -> PictureViews:
    paths = [Path(line) for line in file.read_text("utf-8").splitlines()]
    return PictureViews(
        lambda rows: [paths[row] for row in rows], lambda: load_encoder(encoder, device="cpu"), BuildConfig.workers
    )


def page(rows: list[Row]) -> str:
    """The page, as Markdown."""
    lines = [
        "# Stated recall",
        "",
        f"Written by `python -m benchmarks.stated_recall` on {utc_today()}; {os.cpu_count()} cores, perhaps shared "
        "with other work.",
        "",
        "*Stated* is what `twinlens info` reports: recall@10 with its 95 % interval, measured while the structure was "
        "built. *Rows*: with held-out rows that are moved a little, without their copies; *views*: with altered views "
        "of held-out pictures (`indexer/tuning/probes.py`, `indexer/pipeline/picture_views.py`). The effort is the "
        "least at which the lower end reaches the target. *Found* is the recall@10 of the embeddings of other pictures "
        "of the same source, which were never in the collection, against exact search. Both intervals are Wilson "
        "intervals over queries. In a collection with copies, each vector is one of the pictures plus "
        f"{_NOISE} times the difference of two others.",
        "",
        "| collection | vectors | kind | target | effort | by | stated | found | |",
        "|---|---:|---|---:|---:|---|---:|---:|---|",
    ]
    for row in rows:
        by = f"{row.stated.probes} {'views' if row.stated.by == PictureViews.by else 'rows'}"
        stated = f"{row.stated.value:.3f} ({row.stated.low:.3f} to {row.stated.high:.3f})"
        cells = (row.collection, f"{row.rows:,}", row.kind, f"{row.target:g}", row.effort, by, stated, row.found)
        lines.append(f"| {' | '.join(map(str, cells))} | {row.verdict} |")
    below = sum(row.verdict == "**below**" for row in rows)
    lines += ["", f"The recall found was significantly below the stated one in {below} of {len(rows)} rows."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure all collections and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", metavar="NAME=VECTORS.npy,QUERIES.npy[,PATHS.txt]")
    parser.add_argument("--kinds", nargs="+", choices=(AUTO, *KINDS), default=["pq4", "hnsw8"])
    parser.add_argument("--targets", nargs="+", type=float, default=[BuildConfig.recall])
    parser.add_argument("--copies", type=int, default=0, help="copies of each picture in a second collection; 0: none")
    parser.add_argument("--encoder", default="small", help="the encoder that made the vectors of pictures")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/stated_recall.md"))
    options = parser.parse_args()
    rows = []
    for collection in collections(options):
        for kind in options.kinds:
            for target in options.targets:
                row = measured(collection, kind, target)
                rows += [] if row is None else [row]
                options.out.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
