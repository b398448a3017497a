"""Compare the recall that tuning states with the recall of real pictures that were never in the collection.

    python -m benchmarks.stated_recall photos=X.npy,QUERIES.npy,PATHS.txt clothes=Y.npy,QUERIES.npy --copies 16

Each NAME=VECTORS.npy,QUERIES.npy is a collection: unit rows `(N, D) float32` to index, and embeddings of other pictures
of the same source as queries. PATHS.txt, one line per row, names the pictures; then altered views of them, embedded by
`--encoder`, are used too. Each collection is searched for the queries of the others as well. With `--copies`, it is
measured again with so many copies of some of its pictures in place of the others (`benchmarks.million_vectors`). With
`--kept FILE`, rows are kept there, the next run does not measure them again, and the page shows all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.million_vectors import made
from indexer.metrics.bootstrap import Figure
from indexer.metrics.wilson import mean_of_shares
from indexer.pipeline.picture_views import PictureViews
from indexer.tuning.probes import K, probes_of
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.encoders import load_encoder
from search.indexes import AUTO, KINDS
from search.store.segments import Segment
from search.text import utc_today
from search.tuned import MeasuredRecall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.tuning.probes import Probes
    from search.types import Floats

_NOISE = 0.1
_SEED = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One kind over one collection, searched for the pictures of a source."""

    collection: str
    rows: int
    kind: str
    target: float
    effort: int | None
    stated: MeasuredRecall
    found: Figure
    source: str
    """Name of the collection whose pictures are the queries."""

    @property
    def foreign(self) -> bool:
        """Whether the queries are pictures of another collection."""
        return self.source != self.collection

    @property
    def verdict(self) -> str:
        """Whether the recall that was found lies in the stated interval."""
        low, high = self.found.interval or (0.0, 1.0)
        if high < self.stated.low:
            return "**below**"
        if low > self.stated.high:
            return "above"
        return "inside" if self.stated.low <= self.found.value <= self.stated.high else "intervals overlap"


@dataclass(frozen=True)
class Collection:
    """Vectors to index, and by source queries that are not among them."""

    name: str
    vectors: Floats
    queries: dict[str, Floats]
    views: PictureViews | None = None

    @cached_property
    def truths(self) -> dict[str, Probes]:
        """The queries with their true neighbours."""
        none = np.empty(0, dtype=np.int64)
        return {source: probes_of(self.vectors, none, queries, "") for source, queries in self.queries.items()}


def measured(collection: Collection, kind: str, target: float) -> list[Row]:
    """Build and tune as `twinlens build` does, and search for the queries; nothing if an exact kind was chosen."""
    vectors = collection.vectors
    config = BuildConfig(kind=kind, recall=target, device="cpu")
    built = build_structure(vectors, config, views=collection.views)
    if built.tuning is None or built.tuning.recall is None:
        return []
    segment, rows = Segment(0, vectors, built.structure), []
    shown = built.structure.kind if kind != AUTO else f"auto ({built.structure.kind})"
    for source, truth in collection.truths.items():
        found = mean_of_shares(truth.shares_found(segment.search(truth.queries, K)[0]), K)
        rows.append(
            Row(
                collection.name,
                len(vectors),
                shown,
                target,
                built.structure.effort,
                built.tuning.recall,
                found,
                source,
            )
        )
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def collections(options: argparse.Namespace) -> Iterator[Collection]:
    """Each collection by its vectors, by its pictures if there are any, and with copies."""
    files: dict[str, list[Path]] = {}
    for text in options.collections:
        name, _, places = text.partition("=")
        files[name] = [Path(place) for place in places.split(",")]
    queries = {name: np.load(places[1])[: options.queries] for name, places in files.items()}
    for name, places in files.items():
        vectors = np.load(places[0])
        own = {name: queries[name]}
        yield Collection(name, vectors, own | queries)
        if len(places) > 2:
            yield Collection(name, vectors, own, _views(places[2], options.encoder))
        if options.copies:
            chosen = np.random.default_rng(_SEED).permutation(len(vectors))[: len(vectors) // options.copies]
            copied = made(vectors[chosen], len(vectors), _NOISE, _SEED)
            title = f"{name}, {options.copies} copies of each"
            yield Collection(title, copied, {title: queries[name]})


class Kept:
    """Rows of earlier runs, in a file; in memory alone without one."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._rows: dict[str, list[dict[str, Any]]] = {}
        if file is not None and file.exists():
            self._rows = json.loads(file.read_text("utf-8"))

    def add(self, collection: Collection, kind: str, target: float) -> None:
        """Measure a kind over a collection, if its rows are not there."""
        key = f"{collection.name} | {'rows' if collection.views is None else 'views'} | {kind} | {target:g}"
        if key not in self._rows:
            self._rows[key] = [asdict(row) for row in measured(collection, kind, target)]
            if self._file is not None:
                self._file.write_text(json.dumps(self._rows, indent=1), encoding="utf-8")

    def rows(self) -> list[Row]:
        """All rows."""
        return [
            Row(**row | {"stated": MeasuredRecall(**row["stated"]), "found": Figure(**row["found"])})
            for rows in self._rows.values()
            for row in rows
        ]


def _views(file: Path, encoder: str) -> PictureViews:
    paths = [Path(line) for line in file.read_text("utf-8").splitlines()]
    return PictureViews(
        lambda rows: [paths[row] for row in rows], lambda: load_encoder(encoder, device="cpu"), BuildConfig.workers
    )


def page(rows: list[Row]) -> str:
    """The page, as Markdown."""
    own, foreign = ([row for row in rows if row.foreign == where] for where in (False, True))
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
        f"{_NOISE} times the difference of two others. *Above*: more is found than stated, as where new pictures have "
        "copies in the collection, which are easy to find, or where the least effort of a kind is more than enough.",
        "",
        "| collection | vectors | kind | target | effort | by | stated | found | |",
        "|---|---:|---|---:|---:|---|---:|---:|---|",
    ]
    for row in own:
        by = f"{row.stated.probes} {'views' if row.stated.by == PictureViews.by else 'rows'}"
        cells = (row.collection, f"{row.rows:,}", row.kind, f"{row.target:g}", row.effort, by, _stated(row), row.found)
        lines.append(f"| {' | '.join(map(str, cells))} | {row.verdict} |")
    lines += ["", _summary(own)]
    if foreign:
        lines += [
            "",
            "## Pictures of another source",
            "",
            "The same structures, searched for the pictures of the other collections. The stated recall is that of "
            "pictures like those of the index, and need not hold for these.",
            "",
            "| collection | pictures of | kind | target | stated | found | |",
            "|---|---|---|---:|---:|---:|---|",
        ]
        for row in foreign:
            lines.append(
                f"| {row.collection} | {row.source} | {row.kind} | {row.target:g} | {_stated(row)} | {row.found} "
                f"| {row.verdict} |"
            )
        lines += ["", _summary(foreign)]
    return "\n".join(lines) + "\n"


def _stated(row: Row) -> str:
    return f"{row.stated.value:.3f} ({row.stated.low:.3f} to {row.stated.high:.3f})"


def _summary(rows: list[Row]) -> str:
    count = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("inside", "**below**", "above")}
    return (
        f"Of {len(rows)} rows, the recall found is inside the stated interval in {count['inside']}, significantly "
        f"below it in {count['**below**']}, and significantly above it in {count['above']}."
    )


def main() -> None:
    """Measure all collections and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", metavar="NAME=VECTORS.npy,QUERIES.npy[,PATHS.txt]")
    parser.add_argument(
        "--kinds", nargs="+", choices=(AUTO, *KINDS), default=[AUTO, "pq4", "ivfpq4", "hnsw8", "hnsw", "ivf", "ivfpq"]
    )
    parser.add_argument("--targets", nargs="+", type=float, default=[BuildConfig.recall])
    parser.add_argument("--copies", type=int, default=0, help="copies of each picture in a second collection; 0: none")
    parser.add_argument("--encoder", default="small", help="the encoder that made the vectors of pictures")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--kept", type=Path, help="file that keeps the rows")
    parser.add_argument("--out", type=Path, default=Path("docs/results/stated_recall.md"))
    options = parser.parse_args()
    kept = Kept(options.kept)
    for collection in collections(options):
        for kind in options.kinds:
            for target in options.targets:
                kept.add(collection, kind, target)
                options.out.write_text(page(kept.rows()), encoding="utf-8")


if __name__ == "__main__":
    main()
