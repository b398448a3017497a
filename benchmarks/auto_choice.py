"""Compare what `auto` chooses with every kind at the least effort that reaches the same recall; write a Markdown page.

    OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.auto_choice --vectors X.npy --queries Q.npy --work FOLDER

X.npy and Q.npy hold unit rows `(N, D) float32`; the queries are embeddings of pictures that are not in X. Each kind is
built once with its defaults, into FOLDER, where the next run finds it. `auto` chooses its effort by the queries of
tuning; the effort of the others is the least at which these very queries find as much as with `auto`. Single queries of
all kinds take turns, so that other work on the machine affects all; times are medians. With `--efforts FILE`, what
`auto` chose and the efforts of the others are kept there, and the next run only measures times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.query_overhead import make
from indexer.tuning.costs import memory_needed
from indexer.tuning.efforts import measure
from indexer.tuning.probes import K, probes_of
from indexer.tuning.structure import build_structure
from search import open_index
from search.config import BuildConfig
from search.indexes import AUTO, KINDS
from search.text import utc_today
from search.tuned import Tuning

if TYPE_CHECKING:
    from indexer.tuning.probes import Probes
    from search import SearchEngine
    from search.types import Floats

_TURN = 20
"""Queries of one kind before the next one's turn."""
_CLOSE = 1.08
"""Largest ratio of the effort that is used to one that is not enough."""
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind at an effort."""

    name: str
    kind: str
    effort: int | None
    recall: float
    memory: int
    ms: float = 0.0


def hand_tuned(kind: str, engine: SearchEngine, truth: Probes, target: float) -> Entry | None:
    """A kind at the least effort at which these queries reach the target; None if none does."""
    segment = engine.segments[0]
    memory = memory_needed(kind, segment.structure.parameters, *segment.vectors.shape)
    if segment.structure.exact:
        return Entry(kind, kind, None, 1.0, memory)
    missed, effort = 0, 1
    while (recall := measure(segment, effort, truth).value) < target:
        missed, effort = effort, 2 * effort
        if effort > _MOST:
            return None
    while effort > max(missed + 1, _CLOSE * missed):
        between = (missed + effort) // 2
        if (tried := measure(segment, between, truth).value) >= target:
            effort, recall = between, tried
        else:
            missed = between
    return Entry(kind, kind, effort, recall, memory)


def chosen(vectors: Floats, target: float, engines: dict[str, SearchEngine], truth: Probes) -> tuple[Entry, Tuning]:
    """What `auto` builds: its kind and effort, and what it recorded."""
    built = build_structure(vectors, BuildConfig(kind=AUTO, recall=target, device="cpu"))
    assert built.tuning is not None, "auto says why it chose"
    kind, effort = built.structure.kind, built.structure.effort
    segment = engines[kind].segments[0]
    recall = 1.0 if effort is None else measure(segment, effort, truth).value
    return Entry(AUTO, kind, effort, recall, memory_needed(kind, {}, *vectors.shape)), built.tuning


def timed(entries: list[Entry], engines: dict[str, SearchEngine], queries: Floats, seconds: float) -> list[Entry]:
    """Search for single queries in turns; add the median milliseconds.

    Each entry starts at another query: `auto` and its kind by hand share a structure, and what one has just read of it
    for a query is in the cache of the processor for the other.
    """
    took: dict[str, list[float]] = {entry.name: [] for entry in entries}
    begun, place = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for number, entry in enumerate(entries):
            engine = engines[entry.kind]
            if entry.effort is not None:
                engine.segments[0].structure.effort = entry.effort
            for turn in range(_TURN):
                row = (place + turn + number * len(queries) // len(entries)) % len(queries)
                start = time.perf_counter()
                engine.search_vectors(queries[row : row + 1], K)
                took[entry.name].append(time.perf_counter() - start)
        place += _TURN
    return [replace(entry, ms=1000 * median(took[entry.name])) for entry in entries]


def table(target: float, entries: list[Entry], tuning: Tuning) -> list[str]:
    """One target, as lines of Markdown."""
    graph = next((entry.memory for entry in entries if entry.name == "hnsw"), None)
    auto = next(entry for entry in entries if entry.name == AUTO)
    rivals = [entry for entry in entries if entry.name != AUTO]
    best = min(rivals, key=lambda entry: entry.ms)
    lines = [
        f"## Target: a recall of {target:g}",
        "",
        "| | kind | effort | recall@10 | ms per query | memory, MiB | |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for entry in sorted(entries, key=lambda each: each.ms):
        name = "**auto**" if entry is auto else "by hand"
        share = "" if graph is None else f"{entry.memory / graph:.2f} of hnsw"
        lines.append(
            f"| {name} | {entry.kind} | {entry.effort or ''} | {entry.recall:.4f} | {entry.ms:.3f} "
            f"| {entry.memory / 2**20:.1f} | {share} |"
        )
    stated = "exact" if tuning.recall is None else f"a recall of {tuning.recall}"
    trials = ", ".join(f"{each.kind} {each.query_ms:.2f} ms" for each in tuning.trials if each.query_ms is not None)
    return [
        *lines,
        "",
        f"`auto` chose {auto.kind} and stated {stated}. It takes {auto.ms / best.ms:.2f} times as long as {best.kind}, "
        f"the fastest by hand. Its estimates: {trials or 'none, by the number of rows'}.",
        "",
    ]


def main() -> None:
    """Build what is missing, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of the indexes, one for each kind")
    parser.add_argument("--about", default="", help="what the vectors are, for the page")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[kind for kind in KINDS if kind != "cagra"])
    parser.add_argument("--targets", nargs="+", type=float, default=[0.95, 0.99])
    parser.add_argument("--efforts", type=Path, help="file that keeps the efforts")
    parser.add_argument("--seconds", type=float, default=30.0, help="time over which the kinds of a target take turns")
    parser.add_argument("--out", type=Path, default=Path("docs/results/auto_choice.md"))
    options = parser.parse_args()
    vectors, queries = np.load(options.vectors), np.load(options.queries)[:1000]
    truth = probes_of(vectors, np.empty(0, dtype=np.int64), queries, "")
    lines = [
        "# What auto chooses",
        "",
        f"Written by `python -m benchmarks.auto_choice` on {utc_today()}; {len(os.sched_getaffinity(0))} of "
        f"{os.cpu_count()} cores. {options.about or options.vectors.name}: {len(vectors):,} vectors of "
        f"{vectors.shape[1]} dimensions, and {len(queries):,} pictures that are not among them as queries, one at a "
        "time, with the engine's `search_vectors`. *By hand*: the least effort at which these queries find as "
        "much as `auto`, and reach the target. *Memory*: the structure, and the vectors where each query reads them "
        "from all over.",
        "",
    ]
    with ExitStack() as opened:
        engines = {}
        for kind in options.kinds:
            if not (options.work / kind).exists():
                make(options.work / kind, kind, vectors)
            engines[kind] = opened.enter_context(open_index(options.work / kind, device="cpu"))
        for target in options.targets:
            kept = (
                json.loads(options.efforts.read_text("utf-8")) if options.efforts and options.efforts.exists() else {}
            )
            if str(target) not in kept:
                auto, tuning = chosen(vectors, target, engines, truth)
                equal = max(target, auto.recall)
                tuned = [hand_tuned(kind, engine, truth, equal) for kind, engine in engines.items()]
                entries = [auto, *(each for each in tuned if each)]
                kept[str(target)] = {"entries": [asdict(entry) for entry in entries], "tuning": tuning.to_dict()}
                if options.efforts:
                    options.efforts.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            entries = [Entry(**each) for each in kept[str(target)]["entries"]]
            tuning = Tuning.of_dict(kept[str(target)]["tuning"])
            entries = timed(entries, engines, queries, options.seconds)
            sys.stderr.write("".join(f"{entry}\n" for entry in entries))
            lines += table(target, entries, tuning)
    options.out.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
