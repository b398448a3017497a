"""Measure one query from a shell, in a new process each time; write the figures as Markdown.

    python -m benchmarks.cold_query --pictures FOLDER --work .cache/cold_query --out docs/results/cold_query.md

The stages are timed inside a process that does the same as the command. The totals are for the command itself,
including the start and end of Python. Every figure is the minimum of several runs with a warm file cache, which is
least affected by other work on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from indexer.collection.build import build
from search.config import BuildConfig
from search.engine import open_index
from search.text import utc_today

RUNS = 8
KINDS = ("flat", "hnsw")
STAGES = ("import", "open", "encoder", "decode", "embed", "search")
RUNTIMES = ("OpenVINO", "torch")
"""What computes the embedding of a picture."""
HIDDEN = """
import sys
if sys.argv.pop(1) == "torch":
    sys.modules["openvino"] = None
"""
STAGED = f"""{HIDDEN}
import json, time
laps, last = {{}}, time.perf_counter()

def lap(name):
    global last
    now = time.perf_counter()
    laps[name], last = now - last, now

import indexer.cli.query, search.engine, search.pictures.decode
from indexer.cli.vector_queries import read_vectors
from pathlib import Path
from contextlib import nullcontext
from search.large_imports import without_torch
lap("import")
way, value, index = sys.argv[1:]
with nullcontext() if way == "picture" else without_torch():
    engine = search.engine.open_index(index, device="cpu")
    lap("open")
    if way == "picture":
        encoder = engine.encoder
        lap("encoder")
        image = search.pictures.decode.load_picture(value, target=encoder.input_size)
        lap("decode")
        vectors = encoder.encode([image])
        lap("embed")
    else:
        vectors = engine.vectors_of([int(value)]) if way == "id" else read_vectors(Path(value))
    engine.search_vectors(vectors)
    lap("search")
print(json.dumps(laps))
"""

COMMAND = f"""{HIDDEN}
from indexer.cli import main
main()
"""
LAUNCHED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
seconds, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000]))
"""
"""Launched from a small process, because the peak memory of a child includes memory first shared with its parent."""


def staged(runtime: str, way: str, value: str, index: Path) -> dict[str, float]:
    """Seconds of each stage, the minimum of the runs."""
    words = [sys.executable, "-c", STAGED, runtime, way, value, str(index)]
    runs = [json.loads(subprocess.run(words, capture_output=True, check=True).stdout) for _ in range(RUNS)]
    return {stage: min(run[stage] for run in runs) for stage in runs[0]}


def command(runtime: str, way: str, value: str, index: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB of the command, each the minimum of the runs."""
    query = [value] if way == "picture" else [f"--{way}", value]
    words = [
        sys.executable,
        "-c",
        COMMAND,
        runtime,
        "query",
        *query,
        "--index",
        str(index),
        "--device",
        "cpu",
        "--json",
    ]
    figures = []
    for _ in range(RUNS):
        done = subprocess.run([sys.executable, "-c", LAUNCHED, *words], capture_output=True, check=True)
        figures.append(json.loads(done.stdout))
    wall, cpu, peak = (min(column) for column in zip(*figures, strict=True))
    return wall, cpu, peak


def table(pictures: Path, work: Path) -> list[str]:
    """Rows of Markdown, one for each kind of query and index."""
    heads = ["query", "index", "computed by", *STAGES, "total", "CPU seconds", "peak MB"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|" + "---:|" * (len(heads) - 3)]
    for kind in KINDS:
        index = work / f"{kind}.index"
        shutil.rmtree(index, ignore_errors=True)  # one from before may have another encoder, or no conversion
        build(pictures, index, BuildConfig(kind=kind, device="cpu"))
        with open_index(index, device="cpu") as engine:
            first = engine.pictures(limit=1)[0]
            np.save(work / "vector.npy", engine.vector(first.id))
        queries = {"picture": str(first.path), "id": str(first.id), "vector": str(work / "vector.npy")}
        for way, value in queries.items():
            for runtime in RUNTIMES if way == "picture" else ("",):
                seconds = staged(runtime, way, value, index)
                wall, cpu, peak = command(runtime, way, value, index)
                stages = [f"{seconds[stage]:.3f}" if stage in seconds else "" for stage in STAGES]
                cells = [way, kind, runtime, *stages, f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}"]
                lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(rows: list[str], count: int) -> str:
    """The page in Markdown."""
    machine = f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}"
    return "\n".join(
        [
            "# One query from a shell",
            "",
            f"Written by `python -m benchmarks.cold_query` on {utc_today()}: {count:,} pictures, the encoder "
            f"`{BuildConfig.default_encoder}`, CPU, {machine}. Every query runs in a process of its own. Times are in"
            f" seconds; each figure is the minimum of {RUNS} runs. Load average at the end: {os.getloadavg()[1]:.0f};"
            " on idle cores the total is close to the CPU seconds.",
            "",
            *rows,
            "",
            "A query by picture spends most of its time compiling the network, or importing torch without OpenVINO. "
            "Both count under `encoder`, together with reading and verifying the weights; without "
            "OpenVINO the import counts under `open` for `hnsw`, because torch is imported before FAISS. A query by "
            "id or by vector imports neither; `hnsw` imports FAISS, `flat` only NumPy. Garbage collection is paused "
            "during the imports, and their objects are not collected again when the process ends.",
            "",
            "Many queries are cheaper in one process: `twinlens query` and the Python API accept many pictures "
            "([servers](../servers.md)).",
            "",
        ]
    )


def main() -> None:
    """Measure and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=Path, required=True, help="folder of pictures to index")
    options.add_argument("--work", type=Path, default=Path(".cache/cold_query"), help="folder for the indexes")
    options.add_argument("--out", type=Path, default=Path("docs/results/cold_query.md"), help="the page to write")
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    rows = table(chosen.pictures, chosen.work)
    with open_index(chosen.work / "flat.index", device="cpu") as engine:
        count = len(engine)
    chosen.out.write_text(page(rows, count), encoding="utf-8")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
