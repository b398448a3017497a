"""Compare a build on Ray with a local build on equal cores, and kill nodes; write the figures as Markdown.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.distributed .cache/datasets/tiny-imagenet --work .cache/distributed

Needs the extra `distributed`. Two collections are built: all pictures with `color-layout`, which costs so little that
the overhead shows, and the first `--photos` of them with the default encoder. Every build is compared with the local
one: ids, paths, labels, content hashes, metadata, and vectors up to 1e-4. Seconds are those of the whole command, with
the start of Python and of the encoder; a cluster runs already.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ray_nodes import build, build_with_a_kill, differences, nodes
from indexer.pipeline.scan import scan
from search.text import utc_today

CORES = os.cpu_count() or 1


@dataclass
class Compared:
    """The builds of one collection."""

    name: str
    encoder: str
    pictures: int
    local: list[float] = field(default_factory=list)
    ray: list[float] = field(default_factory=list)
    three: list[float] = field(default_factory=list)
    """On three nodes, none of which was killed."""
    killed: list[tuple[float, float]] = field(default_factory=list)
    """When a node was killed, and how long the build took."""
    wrong: list[str] = field(default_factory=list)
    """Differences from the local build; none, if all is well."""


def compared(name: str, encoder: str, pictures: Path, work: Path, options: argparse.Namespace) -> Compared:
    """Build one collection in all ways."""
    files = scan(pictures)
    for file in files:
        file.path.read_bytes()  # so that the first build reads from memory as the others do
    result = Compared(name, encoder, len(files))
    words = ["--encoder", encoder, "--kind", "flat", "--device", "cpu"]
    local = work / "local.index"

    def built(index: Path, report: dict[str, Any]) -> float:
        difference = differences(local, index)
        if difference is not None:
            result.wrong.append(difference)
        shutil.rmtree(index)
        return float(report["wall"])

    for turn in range(options.rounds):
        shutil.rmtree(local, ignore_errors=True)
        result.local.append(build(pictures, local, words)["wall"])
        with nodes([CORES]) as cluster:
            report = build(pictures, work / "ray.index", [*words, "--engine", "ray", "--address", cluster.address])
        result.ray.append(built(work / "ray.index", report))
        sys.stderr.write(f"{name}, round {turn + 1}: {result.local[-1]:.1f} s, {result.ray[-1]:.1f} s on Ray\n")
    with nodes([1, 1, 1]) as cluster:
        report = build(pictures, work / "ray.index", [*words, "--engine", "ray", "--address", cluster.address])
    result.three.append(built(work / "ray.index", report))
    chance = random.Random(options.seed)
    while len(result.killed) < options.kills:
        after = chance.uniform(0.15, 0.85) * result.three[0]
        with nodes([1, 1, 1]) as cluster:
            report = build_with_a_kill(cluster, pictures, work / "ray.index", words, after, chance)
        took = built(work / "ray.index", report)
        if report["killed"]:
            result.killed.append((after, took))
        sys.stderr.write(f"{name}, killed after {after:.1f} s: {took:.1f} s, {result.wrong or 'equal'}\n")
    return result


def page(results: list[Compared]) -> str:
    """The page, as Markdown."""
    lines = [
        "# Builds on Ray beside local ones",
        "",
        f"Written by `python -m benchmarks.distributed` on {utc_today()}: {CORES} cores, no GPU, perhaps shared with"
        " other work. All files were read before, so that every build finds them in memory. Seconds are those of the"
        " whole command `twinlens build`, medians of the rounds; the cluster was started before. *Ray* has the same"
        " cores as the local build. *Three nodes* are three nodes of one CPU on this machine. Then one node, which was"
        " not the head, was killed with all its processes (kill -9) at a random moment.",
        "",
        "| pictures | encoder | local, s | Ray, equal cores, s | overhead | three nodes, s | a node killed after, s |"
        " these builds took, s | equal to the local build |",
        "|---:|---|---:|---:|---:|---:|---|---|---|",
    ]
    for each in results:
        local, ray = median(each.local), median(each.ray)
        killed = ", ".join(f"{after:.0f}" for after, _ in each.killed)
        took = ", ".join(f"{seconds:.0f}" for _, seconds in each.killed)
        builds = len(each.ray) + len(each.three) + len(each.killed)
        equal = f"all {builds}" if not each.wrong else f"{builds - len(each.wrong)} of {builds}: {each.wrong[0]:.200}"
        lines.append(
            f"| {each.pictures:,} | `{each.encoder}` | {local:.1f} | {ray:.1f} | {ray / local - 1:+.0%}"
            f" | {each.three[0]:.1f} | {killed} | {took} | {equal} |"
        )
    lines += [
        "",
        "*Equal*: ids, paths, labels, content hashes, sizes and metadata are the same, no picture is missing or there"
        " twice, and each number of each vector differs by at most 1e-4.",
    ]
    return "\n".join(lines) + "\n"


def first_of(pictures: Path, count: int, out: Path) -> Path:
    """A folder with links to every n-th picture, `count` in all, in their subfolders."""
    shutil.rmtree(out, ignore_errors=True)
    files = scan(pictures)
    for file in files[:: max(1, len(files) // count)][:count]:
        place = out / file.path.relative_to(pictures)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(file.path)
    return out


def main() -> None:
    """Build, compare and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".cache/distributed"), help="on the disk of the pictures")
    parser.add_argument("--photos", type=int, default=5_000, help="pictures that the default encoder embeds")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/distributed.md"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    results = []
    some = first_of(options.pictures.absolute(), options.photos, options.work.absolute() / "some")
    for name, encoder, pictures in (("all", "color-layout", options.pictures), ("some", "photo", some)):
        results.append(compared(name, encoder, pictures, options.work, options))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
