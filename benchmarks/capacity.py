"""Measure what shards cost per picture, and plan for up to a billion; check the plan against runs. Writes Markdown.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.capacity .cache/datasets/tiny-imagenet --work .cache/capacity

Costs are measured on two small collections: the difference between them is what a picture costs, and the rest what a
run costs. Those of a merge are measured with rows whose vectors are made up, not embedded: of few rows, what the
program itself needs would hide what a row does. The plan by the formulas and by the simulation of
`benchmarks.capacity_model` is then compared with a run of all pictures, and with a merge of a million such rows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.capacity_model import Costs, Fleet, Need, formula, machines_for, simulated
from benchmarks.distributed import first_of
from indexer.exchange.manifest import Manifest
from indexer.exchange.parquet_blocks import EXIF, BlockRow, write_block
from indexer.pipeline.scan import scan
from indexer.pipeline.staging import ReadResult
from indexer.shards.part import block_file, blocks_of, read_note
from search.text import utc_today

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
SHARDS = 4
FAILURES = Fleet(1, hours_between_failures=24 * 7, down_seconds=300)
"""What the plan assumes: each machine fails once a week, and is back after five minutes."""


@dataclass(frozen=True)
class Run:
    """One command, measured in a process of its own."""

    seconds: float
    peak: int
    """Bytes of memory at most."""


def run(*words: str) -> Run:
    """Run `twinlens` with some words."""
    began = time.perf_counter()
    script = "import resource, sys; from indexer.cli import main; sys.argv[0] = 'twinlens'\ntry: main()\nfinally: "
    script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):  # 3: pictures were skipped
        raise SystemExit(f"twinlens {' '.join(words)}\n{done.stderr}")
    return Run(time.perf_counter() - began, int(done.stderr.split()[-1]) * 1024)


@dataclass(frozen=True)
class Whole:
    """All shards of a collection, embedded one after the other on this machine, and merged."""

    pictures: int
    embed: list[Run]
    merge: Run
    part_bytes: int
    index_bytes: int


def whole(pictures: Path, encoder: str, shards: int, work: Path) -> Whole:
    """Embed and merge; the index and the parts are deleted afterwards."""
    parts = [work / f"part{number}" for number in range(1, shards + 1)]
    how = ["--encoder", encoder, "--device", "cpu"]
    runs = [
        run("embed", str(pictures), "--shard", f"{number}/{shards}", "--out", str(part), *how)
        for number, part in enumerate(parts, 1)
    ]
    result = merged(parts, work, runs, len(scan(pictures)))
    for part in parts:
        shutil.rmtree(part)
    return result


def merged(parts: list[Path], work: Path, runs: list[Run], pictures: int) -> Whole:
    """Merge parts into a flat index, without a structure."""
    index = work / "merged.index"
    shutil.rmtree(index, ignore_errors=True)
    merge = run("import", *map(str, parts), "--index", str(index), "--kind", "flat", "--device", "cpu")
    blocks = sum(block.stat().st_size for part in parts for block in blocks_of(part))
    kept = sum(file.stat().st_size for file in index.rglob("*") if file.is_file() and "encoders" not in file.parts)
    shutil.rmtree(index)
    return Whole(pictures, runs, merge, blocks, kept)


def costs_of(small: Whole, large: Whole, few: Whole, many: Whole) -> Costs:
    """Costs per picture from the difference of two collections, and of two merges; those of a run from the rest."""
    embed = _slope(small, large, small.embed[0].seconds, large.embed[0].seconds)
    merge = _slope(few, many, few.merge.seconds, many.merge.seconds)
    memory = _slope(few, many, few.merge.peak, many.merge.peak)
    return Costs(
        embed_seconds=embed,
        start_seconds=max(0.0, small.embed[0].seconds - small.pictures * embed),
        part_bytes=large.part_bytes / large.pictures,
        merge_seconds=merge,
        merge_start=max(0.0, few.merge.seconds - few.pictures * merge),
        merge_memory=memory,
        merge_base=max(0.0, few.merge.peak - few.pictures * memory),
        index_bytes=large.index_bytes / large.pictures,
    )


def _slope(few: Whole, many: Whole, one: float, other: float) -> float:
    return max(0.0, (other - one) / (many.pictures - few.pictures))


def merge_of(rows: int, pictures: Path, encoder: str, work: Path) -> Whole:
    """Merge rows that are made up; the part is that of some pictures, with its rows replaced."""
    part = work / "made"
    run("embed", str(pictures), "--out", str(part), "--encoder", encoder, "--device", "cpu")
    made_up(part, rows, 0)
    result = merged([part], work, [], rows)
    shutil.rmtree(part)
    return result


def made_up(part: Path, rows: int, seed: int) -> None:
    """Replace the blocks of a part by rows with random unit vectors, of pictures that do not exist."""
    note, chance = read_note(part), np.random.default_rng(seed)
    for block in blocks_of(part):
        block.unlink()
    size = 4_096
    for number, first in enumerate(range(0, rows, size)):
        count = min(size, rows - first)
        vectors = chance.normal(size=(count, note.dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        made = []
        for place, vector in enumerate(vectors, first):
            path, content = f"class{place % 200:03}/{place:09}.webp", f"{place:040x}"
            result = ReadResult(Path(note.root, path), 2_000, 1, content, 64, 64, None, 1, place)
            made.append(BlockRow(path, result, f"class{place % 200:03}", vector))
        manifest = Manifest("block", note.encoder, note.fingerprint, note.dim, count, 0, note.twinlens, EXIF)
        write_block(block_file(part, number), manifest, made)


def checked(title: str, measured: Whole, costs: Costs) -> list[str]:
    """Rows of the table that compares the plan with a run; the shards ran one after the other."""
    one = Fleet(max(1, len(measured.embed)))
    plan, played = formula(measured.pictures, one, costs), simulated(measured.pictures, one, costs)
    rows = []
    if measured.embed:
        took = max(each.seconds for each in measured.embed)
        rows.append(_row(title, "longest shard, s", took, 3600 * plan.embed_hours, 3600 * played.embed_hours))
    rows.append(_row(title, "merge, s", measured.merge.seconds, 3600 * plan.merge_hours, 3600 * played.merge_hours))
    rows.append(_row(title, "merge, MiB of memory", measured.merge.peak / 2**20, 1024 * plan.merge_gib, None))
    rows.append(_row(title, "parts, MiB", measured.part_bytes / 2**20, 1024 * plan.parts_gib, None))
    rows.append(_row(title, "index, MiB", measured.index_bytes / 2**20, 1024 * plan.index_gib, None))
    return rows


def _row(title: str, what: str, measured: float, plan: float, played: float | None) -> str:
    shown = "" if played is None else f"{played:,.0f} ({played / measured - 1:+.0%})"
    return f"| {title} | {what} | {measured:,.0f} | {plan:,.0f} ({plan / measured - 1:+.0%}) | {shown} |"


def planned(encoder: str, costs: Costs) -> list[str]:
    """Rows of the table of plans: one machine, and as many as embed within a day."""
    rows = []
    for size in SIZES:
        alone = formula(size, FAILURES, costs)
        machines = machines_for(size, 24, costs, FAILURES)
        fleet = replace(FAILURES, machines=machines)
        need, played = formula(size, fleet, costs), simulated(size, fleet, costs)
        rows.append(
            f"| `{encoder}` | {size:,} | {alone.embed_hours:,.1f} | {machines:,} | {need.embed_hours:.1f}"
            f" | {played.embed_hours:.1f} | {_needs(need)} |"
        )
    return rows


def _needs(need: Need) -> str:
    return f"{need.merge_hours:,.1f} | {need.merge_gib:,.0f} | {need.parts_gib:,.0f} | {need.index_gib:,.0f}"


def page(costs: dict[str, Costs], checks: list[str], options: argparse.Namespace) -> str:
    """The page, as Markdown."""
    lines = [
        "# Capacity: machines, hours, memory and disk",
        "",
        f"Written by `python -m benchmarks.capacity` on {utc_today()}: {os.cpu_count()} cores, no GPU, perhaps shared"
        f" with other work, which makes seconds larger. A machine below is one like this. Costs per picture are the"
        f" difference between {options.small[0]:,} and {options.small[1]:,} pictures of 64 pixels, and of a merge that"
        f" between {options.rows[0]:,} and {options.rows[1]:,} rows with made-up vectors; *start* is the rest of a run."
        " Larger pictures cost more to decode: see [indexing.md](indexing.md).",
        "",
        "| encoder | embed, ms | start of a shard, s | part, bytes | merge, ms | start of a merge, s | merge, bytes of"
        " memory | start of a merge, MiB | index without a structure, bytes |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for encoder, each in costs.items():
        lines.append(
            f"| `{encoder}` | {1000 * each.embed_seconds:.2f} | {each.start_seconds:.1f} | {each.part_bytes:,.0f}"
            f" | {1000 * each.merge_seconds:.2f} | {each.merge_start:.1f} | {each.merge_memory:,.0f}"
            f" | {each.merge_base / 2**20:,.0f} | {each.index_bytes:,.0f} |"
        )
    lines += [
        "",
        "## Checked against runs",
        "",
        f"The run of all pictures embedded {SHARDS} shards, one after the other, and merged them. The million are rows"
        " with made-up vectors: merged, not embedded; random numbers do not compress in a part. In brackets: by how"
        " much the plan is off.",
        "",
        "| run | what | measured | formula | simulation |",
        "|---|---|---:|---:|---:|",
        *checks,
        "",
        "## Plans",
        "",
        f"Each machine fails once in {FAILURES.hours_between_failures:.0f} hours and is back after"
        f" {FAILURES.down_seconds:.0f} s. *Machines* is the smallest number that embeds within 24 hours by the formula."
        " One merge needs the memory in the table: beyond that of the largest machine, use several indexes, or a vector"
        " database.",
        "",
        "| encoder | pictures | one machine, h | machines for 24 h | formula, h | simulation, h | merge, h | merge, GiB"
        " of memory | parts, GiB | index, GiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(row for encoder, each in costs.items() for row in planned(encoder, each)),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, plan, check, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".cache/capacity"), help="on the disk of the pictures")
    parser.add_argument(
        "--small", type=int, nargs=2, default=(1_000, 6_000), help="the two collections that are measured"
    )
    parser.add_argument("--rows", type=int, nargs=2, default=(20_000, 100_000), help="of the two merges")
    parser.add_argument("--million", type=int, default=1_000_000, help="rows of the merge with made-up vectors")
    parser.add_argument("--out", type=Path, default=Path("docs/results/capacity.md"))
    options = parser.parse_args()
    work = options.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    pictures = options.pictures.absolute()
    small, large = (first_of(pictures, count, work / f"some{count}") for count in options.small)
    costs = {}
    for encoder in ("color-layout", "photo"):
        embedded = (whole(each, encoder, 1, work) for each in (small, large))
        merges = (merge_of(rows, small, encoder, work) for rows in options.rows)
        costs[encoder] = costs_of(*embedded, *merges)
        sys.stderr.write(f"{encoder}: {json.dumps(costs[encoder].__dict__)}\n")
    everything = whole(pictures, "color-layout", SHARDS, work)
    checks = checked(f"{everything.pictures:,} pictures", everything, costs["color-layout"])
    merged_million = merge_of(options.million, small, "color-layout", work)
    checks += checked(f"{options.million:,} rows", merged_million, costs["color-layout"])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(costs, checks, options), encoding="utf-8")


if __name__ == "__main__":
    main()
