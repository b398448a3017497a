"""Measure `twinlens serve`: clients one by one and 16 at once, and 200 while a writer commits; write the figures.

    python -m benchmarks.service --out docs/results/service.md

The pictures are those of data/sample; the clients run in this process, on the same machine. Rounds with one client and
with 16 alternate, so that other work on the machine affects both; each rate is a median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import indexer
from benchmarks.service_load import Load, Request, get, load, serving
from search import open_index
from search.config import BuildConfig
from search.text import utc_today

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
CLIENTS, MANY = 16, 200
GOAL = 2.5
K = 10


@dataclass(frozen=True)
class Throughput:
    """One way to ask: rates of one client and of 16 at once."""

    name: str
    one: list[Load]
    several: list[Load]
    batch: float | None
    """Pictures that were embedded together, on average, with 16 clients."""

    @property
    def ratio(self) -> float:
        """How many times as many answers 16 clients get."""
        return median(each.rate for each in self.several) / median(each.rate for each in self.one)


@dataclass(frozen=True)
class Storm:
    """200 clients while a writer commits."""

    load: Load
    commits: int
    workers: int


def pictures() -> list[Path]:
    """The pictures of the sample."""
    return sorted(path for path in SAMPLE.rglob("*") if path.suffix in (".jpg", ".png"))


def batches(port: int) -> tuple[float, float]:
    """Pictures that were embedded, and in how many batches."""
    lines = get(port, "/metrics")[1].decode().splitlines()
    found = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("twinlens_batch_pictures_")}
    return found.get("twinlens_batch_pictures_sum", 0.0), found.get("twinlens_batch_pictures_count", 0.0)


def throughput(index: Path, name: str, requests: list[Request], rounds: int, seconds: float) -> Throughput:
    """Measure one client and 16, in turns."""
    one, several, embedded, times = [], [], 0.0, 0.0
    with serving("--index", index, "--device", "cpu") as (port, _):
        load(port, requests, 4, 1.0)
        for _ in range(rounds):
            one.append(load(port, requests, 1, seconds))
            before = batches(port)
            several.append(load(port, requests, CLIENTS, seconds))
            after = batches(port)
            embedded, times = embedded + after[0] - before[0], times + after[1] - before[1]
    return Throughput(name, one, several, embedded / times if times else None)


class Writer(threading.Thread):
    """Removes a picture and adds it again, a commit every few seconds; keeps the right answers of each snapshot."""

    def __init__(self, index: Path, queries: list[int], every: float) -> None:
        super().__init__(daemon=True)
        self._index = index
        self._queries = queries
        self._every = every
        self.stop = threading.Event()
        self.right: dict[int, set[str]] = {query: set() for query in queries}
        self.commits = 0
        self._note()

    def run(self) -> None:
        """Commit until it is stopped."""
        extra, there = pictures()[-1:], True
        while not self.stop.wait(self._every) or not there:  # the picture is there again at the end
            if there:
                indexer.remove(self._index, paths=extra)
            else:
                indexer.add(self._index, extra, BuildConfig(device="cpu"))
            there = not there
            self.commits += 1
            self._note()

    def _note(self) -> None:
        with open_index(self._index, device="cpu") as engine:
            for query in self._queries:
                hits = engine.search_id(query, K)
                self.right[query].add(json.dumps([hit.to_dict() for hit in hits]))


def storm(index: Path, clients: int, seconds: float, workers: int) -> Storm:
    """Let many clients search while a writer commits; every answer must be that of a snapshot that existed."""
    with open_index(index, device="cpu") as engine:
        ids = engine.ids()[:40:5]
    requests = [Request.of_json({"query": {"id": number}, "k": K}) for number in ids]
    answers: list[tuple[int, str]] = []

    def keep(request: Request, data: bytes) -> str | None:
        answers.append((json.loads(request.body)["query"]["id"], json.dumps(json.loads(data)["hits"])))
        return None

    writer = Writer(index, ids, 3.0)
    with serving("--index", index, "--device", "cpu", "--workers", workers) as (port, _):
        writer.start()
        seen = load(port, requests, clients, seconds, keep)
        writer.stop.set()
        writer.join()
    wrong = sum(hits not in writer.right[number] for number, hits in answers)
    seen.failures += ["the answer of no snapshot"] * wrong
    return Storm(seen, writer.commits, workers)


def page(figures: list[Throughput], storms: list[Storm]) -> str:
    """The figures as Markdown."""
    lines = [
        "# The service",
        "",
        f"Written by `python -m benchmarks.service`, {utc_today()}, on a CPU with {os.cpu_count()} cores. The clients"
        " run on the same machine, over loopback.",
        "",
        f"## {CLIENTS} clients, and one",
        "",
        "Each client sends its next query when the last one is answered. *ms* are of one answer: the median, and the"
        " 95th and 99th percentile. *together* is how many pictures were embedded at once, on average.",
        "",
        "| query | one: per second | p50 ms | p95 ms | 16: per second | p50 ms | p95 ms | p99 ms | together | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in figures:
        one, several = _all(each.one), _all(each.several)
        batch = "" if each.batch is None else f"{each.batch:.1f}"
        lines.append(
            f"| {each.name} | {median(run.rate for run in each.one):.1f} | {_ms(one, 0.5)} | {_ms(one, 0.95)}"
            f" | {median(run.rate for run in each.several):.1f} | {_ms(several, 0.5)} | {_ms(several, 0.95)}"
            f" | {_ms(several, 0.99)} | {batch} | {each.ratio:.2f} |"
        )
    lines += [
        "",
        f"The goal is a ratio of {GOAL:g} where the encoder gains from batches.",
        "",
        f"## {MANY} clients while a writer commits",
        "",
        "Queries by id. Each answer is compared with those of every snapshot that existed.",
        "",
        "| workers | commits | answers | per second | failed or wrong | p50 ms | p95 ms | p99 ms |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for storm in storms:
        seen = storm.load
        lines.append(
            f"| {storm.workers} | {storm.commits} | {len(seen.seconds):,} | {seen.rate:.0f} | {len(seen.failures)}"
            f" | {_ms(seen, 0.5)} | {_ms(seen, 0.95)} | {_ms(seen, 0.99)} |"
        )
    return "\n".join(lines) + "\n"


def _all(runs: list[Load]) -> Load:
    return Load([each for run in runs for each in run.seconds], [], sum(run.elapsed for run in runs))


def _ms(seen: Load, share: float) -> str:
    return f"{seen.percentile(share) * 1e3:.0f}"


def main() -> None:
    """Build the indexes, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=["photo", "small", "color-layout"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--storm", type=float, default=60.0, help="seconds of the many clients; 0 leaves them out")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="the page; by default it is printed")
    options = parser.parse_args()
    queries = [Request.of_picture(path.read_bytes()) for path in pictures()[::3]]
    figures, storms = [], []
    with tempfile.TemporaryDirectory() as folder:
        for encoder in options.encoders:
            index = Path(folder) / f"{encoder}.index"
            indexer.build(SAMPLE, index, BuildConfig(encoder=encoder, device="cpu"))
            figures.append(throughput(index, f"a picture, `{encoder}`", queries, options.rounds, options.seconds))
            print(figures[-1].name, f"{figures[-1].ratio:.2f}", flush=True)
        by_id: list[Any] = [Request.of_json({"query": {"id": number}}) for number in range(1, 50)]
        figures.append(throughput(index, "an id", by_id, options.rounds, options.seconds))
        for workers in options.workers if options.storm else []:
            storms.append(storm(index, MANY, options.storm, workers))
            print("storm", len(storms[-1].load.seconds), storms[-1].load.failures[:3], flush=True)
    text = page(figures, storms)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
