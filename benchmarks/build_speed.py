"""Measure builds of real collections with the encoder `small` and the colour baseline; write the figures as Markdown.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.build_speed .cache/datasets/NAME [FOLDER ...] --work .cache/benchmark \
        --out docs/results/build.md

Each build runs in its own process, so that its peak memory can be measured. The file cache is warm for all builds,
because each folder is read once before. The figures of one table come from one run on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from indexer.pipeline.scan import scan
from search.text import utc_today

ENCODERS = ("photo", "small", "color-layout")

MEASURE = """
import json, resource, sys, time
from indexer.collection.build import build
from search.config import BuildConfig
start = time.perf_counter()
report = build(sys.argv[1], sys.argv[2], BuildConfig(encoder=sys.argv[3]))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"images": report.images, "seconds": seconds, "stages": report.seconds, "peak": peak * 1024,
                  "skipped": len(report.skipped), "kind": report.kind}))
"""


@dataclass(frozen=True)
class Figures:
    """One build of one collection with one encoder."""

    collection: str
    encoder: str
    images: int
    skipped: int
    seconds: float
    stages: dict[str, float]
    peak: int
    size: int
    dim: int
    kind: str
    r_at_1: float
    map_at_r: float
    again: float


def python(*words: object) -> str:
    """Run this interpreter and return what it printed."""
    done = subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def measure(pictures: Path, index: Path, encoder: str) -> Figures:
    """Build a new index, build it again without changes, and evaluate it."""
    shutil.rmtree(index, ignore_errors=True)
    built = json.loads(python("-c", MEASURE, pictures, index, encoder))
    start = time.perf_counter()
    again = json.loads(python("-m", "indexer", "build", pictures, "--index", index, "--json"))
    seconds_again = time.perf_counter() - start
    if again["embedded"]:
        raise SystemExit(f"{index}: the second build embedded {again['embedded']} pictures")
    info = json.loads(python("-m", "indexer", "info", index, "--json"))
    figures = json.loads(python("-m", "indexer", "evaluate", index, "--json"))
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    name = "/".join(pictures.absolute().parts[-2:])
    return Figures(
        name,
        encoder,
        built["images"],
        built["skipped"],
        built["seconds"],
        built["stages"],
        built["peak"],
        size,
        info["dim"],
        info["kind"],
        figures["recall_at"]["1"],
        figures["map_at_r"],
        seconds_again,
    )


def table(rows: list[Figures]) -> str:
    """Format the figures as Markdown."""
    lines = [
        "# Building real collections",
        "",
        f"Written by `python -m benchmarks.build_speed` on {utc_today()}; {os.cpu_count()} cores, no"
        " GPU. Pictures per second are for the whole build: scan, read, decode, encode, structure, commit. The index"
        " size counts the catalog, the vectors and the encoder. R@1 and mAP@R are by folder label; every picture is a "
        "query against all the others. `small` was trained on most of these classes, so its figures here are for "
        "known classes; [small.md](small.md) has figures for classes that it never saw.",
        "",
        "| collection | encoder | pictures | skipped | pictures/s | peak memory | index size | dim | kind | R@1"
        " | mAP@R | build again, unchanged |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    lines += [
        f"| {r.collection} | {r.encoder} | {r.images} | {r.skipped} | {r.images / r.seconds:.0f}"
        f" | {r.peak / 2**20:.0f} MiB | {r.size / 2**20:.1f} MiB | {r.dim} | {r.kind}"
        f" | {r.r_at_1:.4f} | {r.map_at_r:.4f} | {r.again:.1f} s |"
        for r in rows
    ]
    lines += ["", "Seconds by stage (for reading and decoding, the time that the encoder waited for them):", ""]
    for r in rows:
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in r.stages.items() if seconds >= 0.05)
        lines.append(f"- {r.collection}, {r.encoder}: {stages}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every folder with every encoder and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+", help="folders of pictures, one subfolder per class")
    parser.add_argument("--work", type=Path, default=Path(".cache/benchmark"), help="folder for the indexes")
    parser.add_argument("--out", type=Path, default=Path("docs/results/build.md"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for pictures in options.pictures:
        for file in scan(pictures):
            file.path.read_bytes()
        for encoder in ENCODERS:
            rows.append(
                measure(
                    pictures,
                    options.work / f"{pictures.absolute().parent.name}-{pictures.name}-{encoder}.index",
                    encoder,
                )
            )
            sys.stderr.write(f"{rows[-1]}\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
