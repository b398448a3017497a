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
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import indexer
from benchmarks.service_load import Load, Request, get, load, serving
from search import open_index
from search.config import BuildConfig
from search.text import utc_today

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

WITHOUT_NETWORK = {"color-layout"}
"""Encoders that no runtime computes."""
SAMPLE = Path(__file__).parent.parent / "data" / "sample"
CLIENTS, MANY = 16, 200
GOAL = 2.5
K = 10
EVERY = 2.0
"""Seconds between two commits."""


@dataclass(frozen=True)
class Throughput:
    """One way to ask: rates of one client and of 16 at once."""

    name: str
    one: list[Load]
    several: list[Load]
    batch: float | None
    """Pictures that were embedded together, on average, with 16 clients."""
    cpu: tuple[float, float]
    """CPU seconds of the service per answer, with one client and with 16."""

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


def throughput(
    index: Path, name: str, requests: list[Request], rounds: int, seconds: float, hidden: tuple[str, ...] = ()
) -> Throughput:
    """Measure one client and 16, in turns; packages `hidden` are as if they were not installed."""
    one, several, embedded, times, cpu = [], [], 0.0, 0.0, [0.0, 0.0]
    with serving("--index", index, "--device", "cpu", hidden=hidden) as (port, process):
        load(port, requests, 4, 1.0)
        for _ in range(rounds):
            begun = cpu_seconds(process.pid)
            one.append(load(port, requests, 1, seconds))
            before, between = batches(port), cpu_seconds(process.pid)
            several.append(load(port, requests, CLIENTS, seconds))
            after, ended = batches(port), cpu_seconds(process.pid)
            embedded, times = embedded + after[0] - before[0], times + after[1] - before[1]
            cpu = [cpu[0] + between - begun, cpu[1] + ended - between]
    each = cpu[0] / len(_all(one).seconds), cpu[1] / len(_all(several).seconds)
    return Throughput(name, one, several, embedded / times if times else None, each)


def cpu_seconds(process: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Others:
    """The share of the cores that other programs take."""

    def __init__(self) -> None:
        self._began = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds of the clock, of all programs, and of this one with the services that have ended."""
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
        user, nice, system, _, _, irq, soft, steal = map(int, line[1:9])
        busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])

    def share(self) -> float:
        """Since this was made."""
        clock, busy, own = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return max(0.0, busy - own) / clock / (os.cpu_count() or 1)


def write(index: Path, queries: list[int], every: float, stop: Event, noted: Queue[tuple[int, dict[int, str]]]) -> None:
    """Remove a picture and add it again, a commit every few seconds; note the right answers of each snapshot.

    Runs in a process of its own, so that the clients do not slow it down.
    """
    extra, there, commits = pictures()[-1:], True, 0

    def note() -> None:
        with open_index(index, device="cpu") as engine:
            hits = {query: [hit.to_dict() for hit in engine.search_id(query, K)] for query in queries}
        noted.put((commits, {query: json.dumps(plain) for query, plain in hits.items()}))

    note()
    while not stop.wait(every) or not there:  # the picture is there again at the end
        if there:
            indexer.remove(index, paths=extra)
        else:
            indexer.add(index, extra, BuildConfig(device="cpu"))
        there, commits = not there, commits + 1
        note()
    noted.put((-1, {}))


def storm(index: Path, clients: int, seconds: float, workers: int) -> Storm:
    """Let many clients search while a writer commits; every answer must be that of a snapshot that existed."""
    with open_index(index, device="cpu") as engine:
        ids = engine.ids()[:40:5]
    requests = [Request.of_json({"query": {"id": number}, "k": K}) for number in ids]
    answers: Counter[tuple[int, str]] = Counter()

    def keep(request: Request, data: bytes) -> str | None:
        answers[json.loads(request.body)["query"]["id"], json.dumps(json.loads(data)["hits"])] += 1
        return None

    context = get_context("spawn")
    stop, noted = context.Event(), context.Queue()
    writer = context.Process(target=write, args=(index, ids, EVERY, stop, noted), daemon=True)
    right: set[tuple[int, str]] = set()
    commits = 0
    with serving("--index", index, "--device", "cpu", "--workers", workers) as (port, _):
        writer.start()
        right |= set(noted.get(timeout=120)[1].items())
        seen = load(port, requests, clients, seconds, keep)
        stop.set()
        while (snapshot := noted.get(timeout=120))[0] >= 0:
            commits = snapshot[0]
            right |= set(snapshot[1].items())
        writer.join()
    seen.failures += ["the answer of no snapshot"] * sum(count for each, count in answers.items() if each not in right)
    return Storm(seen, commits, workers)


def page(figures: list[Throughput], storms: list[Storm], others: float) -> str:
    """The figures as Markdown."""
    lines = [
        "# The service",
        "",
        f"Written by `python -m benchmarks.service`, {utc_today()}, on a CPU with {os.cpu_count()} cores. The clients"
        f" run on the same machine, over loopback. Other programs took {others:.0%} of the cores meanwhile.",
        "",
        f"## {CLIENTS} clients, and one",
        "",
        "Each client sends its next query when the last one is answered. *ms* are of one answer: the median, and the"
        " 95th and 99th percentile. *CPU* is the CPU time of the service for one answer. *together* is how many"
        " pictures were embedded at once, on average.",
        "",
        "| query | one: per second | p50 ms | p95 ms | CPU ms | 16: per second | p50 ms | p95 ms | p99 ms | CPU ms"
        " | together | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in figures:
        one, several = _all(each.one), _all(each.several)
        batch = "" if each.batch is None else f"{each.batch:.1f}"
        lines.append(
            f"| {each.name} | {median(run.rate for run in each.one):.1f} | {_ms(one, 0.5)} | {_ms(one, 0.95)}"
            f" | {each.cpu[0] * 1e3:.1f}"
            f" | {median(run.rate for run in each.several):.1f} | {_ms(several, 0.5)} | {_ms(several, 0.95)}"
            f" | {_ms(several, 0.99)} | {each.cpu[1] * 1e3:.1f} | {batch} | {each.ratio:.2f} |"
        )
    lines += [
        "",
        f"The goal is a ratio of {GOAL:g} where the encoder gains from batches, as torch does. OpenVINO computes each"
        " picture alone, at the least cost from the first one on: two cores then answer at most twice as many, and"
        " more only by what one client leaves idle between two queries.",
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
    figures, storms, others = [], [], Others()
    with tempfile.TemporaryDirectory() as folder:
        for encoder in options.encoders:
            index = Path(folder) / f"{encoder}.index"
            indexer.build(SAMPLE, index, BuildConfig(encoder=encoder, device="cpu"))
            runtimes = (
                [("", ())] if encoder in WITHOUT_NETWORK else [(" in OpenVINO", ()), (" in torch", ("openvino",))]
            )
            for runtime, hidden in runtimes:
                name = f"a picture, `{encoder}`{runtime}"
                figures.append(throughput(index, name, queries, options.rounds, options.seconds, hidden))
                print(figures[-1].name, f"{figures[-1].ratio:.2f}", flush=True)
        by_id: list[Any] = [Request.of_json({"query": {"id": number}}) for number in range(1, 50)]
        figures.append(throughput(index, "an id", by_id, options.rounds, options.seconds))
        for workers in options.workers if options.storm else []:
            storms.append(storm(index, MANY, options.storm, workers))
            print("storm", len(storms[-1].load.seconds), storms[-1].load.failures[:3], flush=True)
    text = page(figures, storms, others.share())
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
