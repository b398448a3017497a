"""Measure the cost of verification: opening, committing and checking large indexes; write the figures as Markdown.

    python -m benchmarks.opening --work .cache/opening --out docs/results/opening.md

The catalog has rows with paths and hashes of the usual length, and random vectors of few dimensions; there are no
picture files. Each figure is the median of several runs with a warm file cache, except `check`, which runs once in its
own process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from search.indexes import index_class
from search.store.catalog import CATALOG_NAME, Catalog
from search.store.records import PictureRecord, SegmentRecord
from search.store.segments import map_guarded, write_segment
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 5
DIM = 64
CHECK = """
import re, sys, time
from pathlib import Path
from indexer.health.check import inspect
start = time.perf_counter()
assert inspect(sys.argv[1]).whole
seconds = time.perf_counter() - start
print(seconds, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
NOW = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Figures:
    """Figures of one index, in seconds and bytes."""

    pictures: int
    catalog: int
    unverified: float
    verified: float
    commit: float
    vectors: int
    first_use: float
    check: float
    peak: int


def records(count: int) -> Iterator[PictureRecord]:
    """Records of pictures that do not exist."""
    for row in range(count):
        path = Path(f"/home/somebody/pictures/album {row % 500:03d}/IMG_{row:07d}.jpg")
        content = hashlib.blake2b(str(row).encode(), digest_size=20).hexdigest()
        yield PictureRecord(0, path, content, 3_000_000, 10**18 + row, 4000, 3000, f"label{row % 100}", 1, row)


def make(folder: Path, count: int) -> None:
    """Write an index with one flat segment."""
    folder.mkdir(parents=True)
    vectors = np.random.default_rng(0).normal(size=(count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    name, _, files = write_segment(folder, vectors, index_class("flat")().build(vectors))
    catalog = Catalog.write(folder)
    with catalog.transaction():
        catalog.set(encoder="none", fingerprint="none", encoder_folder="none", dim=DIM, created=NOW, updated=NOW)
        catalog.files.add(files)
        catalog.segments.add(SegmentRecord(1, name, None, count, "flat", {}, None), NOW)
        catalog.pictures.put(records(count))
    catalog.close()


def timed(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def commit(catalog: Catalog) -> None:
    """Commit the smallest possible change."""
    with catalog.transaction():
        catalog.set(updated=NOW)


def measure(folder: Path, count: int) -> Figures:
    """All figures of one index."""
    unverified = timed(lambda: Catalog.read(folder, verify=False).close())
    verified = timed(lambda: Catalog.read(folder).close())
    catalog = Catalog.write(folder)
    committed = timed(lambda: commit(catalog))
    record = catalog.files.records()[0]
    catalog.close()

    def use() -> None:
        _, guard = map_guarded(folder, record, (count, DIM))
        assert guard is not None
        guard.use()

    first_use = timed(use)
    done = subprocess.run([sys.executable, "-c", CHECK, str(folder)], check=True, capture_output=True, text=True)
    check, peak = float(done.stdout.split()[0]), int(done.stdout.split()[1]) * 1024
    size = (folder / CATALOG_NAME).stat().st_size
    return Figures(count, size, unverified, verified, committed, record.bytes, first_use, check, peak)


def page(figures: list[Figures]) -> str:
    """The page in Markdown."""
    lines = [
        "# Cost of verification",
        "",
        f"Written by `python -m benchmarks.opening` on {utc_today()}, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}. Medians of {RUNS} runs; `check` ran once; the memory is its peak.",
        "",
        "| pictures | catalog | open, unverified | open | a commit | vectors | their first use | check | memory |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for f in figures:
        lines.append(
            f"| {f.pictures:,} | {f.catalog / 2**20:.0f} MiB | {f.unverified * 1e3:.1f} ms | {f.verified * 1e3:.0f} ms"
            f" | {f.commit:.2f} s | {f.vectors / 2**20:.0f} MiB | {f.first_use * 1e3:.0f} ms | {f.check:.1f} s"
            f" | {f.peak / 2**20:.0f} MiB |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the indexes, measure them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 200_000, 1_000_000])
    given = parser.parse_args()
    figures = []
    for count in sorted(given.pictures):
        folder = given.work / str(count)
        shutil.rmtree(folder, ignore_errors=True)
        make(folder, count)
        figures.append(measure(folder, count))
        print(figures[-1], flush=True)
        shutil.rmtree(folder)
    given.out.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
