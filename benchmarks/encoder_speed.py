"""Compare torch and OpenVINO as the CPU runtime of encoders; write the figures as Markdown.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.encoder_speed .cache/datasets/NAME --encoder photo --out docs/results/encoder_speed.md

The folder has one subfolder per class. The same prepared pictures are embedded by every runtime. A build is a process
of its own: scan, read, decode, encode, commit. Speeds are the best of several runs, which is least affected by other
work on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.metrics.retrieval import retrieval
from indexer.pipeline.scan import scan
from search.encoders import load_encoder
from search.encoders.openvino_runtime import openvino, why_float32
from search.errors import PictureError
from search.pictures.decode import load_picture
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from search.config import Precision, Runtime
    from search.types import Floats

BATCH, RUNS, SINGLE = 64, 3, 20
RUNTIMES: dict[str, tuple[Runtime, Precision]] = {
    "torch float32": ("torch", "float32"),
    "OpenVINO float32": ("auto", "float32"),
    "OpenVINO bfloat16": ("auto", "bfloat16"),
}
BUILD = """
import sys, time
if sys.argv[1] == "torch":
    sys.modules["openvino"] = None
import indexer
from search.config import BuildConfig
config = BuildConfig(encoder=sys.argv[4], precision=sys.argv[2], device="cpu", kind="flat")
start = time.perf_counter()
report = indexer.build(sys.argv[3], sys.argv[5], config)
print(report.images / (time.perf_counter() - start - report.seconds["load encoder"]))
"""
"""Loading is left out: it takes the same second or two for any number of pictures."""


@dataclass(frozen=True)
class Figures:
    """One encoder, computed in one way."""

    encoder: str
    runtime: str
    rate: float
    """Pictures per second in batches, without decoding."""
    single: float
    """Milliseconds for one picture."""
    build: float
    """Pictures per second of a build."""
    cosine: tuple[float, float]
    """Smallest and mean cosine to the vectors of torch."""
    r_at_1: float


def prepared(pictures: Path, encoder: str) -> tuple[NDArray[Any], list[str]]:
    """Readable pictures as the encoder's input, and the names of their folders."""
    target, arrays, labels = load_encoder(encoder, device="cpu", runtime="torch"), [], []
    for file in scan(pictures):
        try:
            image = load_picture(file.path, target=target.input_size)
        except PictureError:
            continue
        arrays.append(target.prepare(image))
        labels.append(file.path.parent.name)
    return np.stack(arrays), labels


def fastest(work: Callable[[], object], runs: int) -> float:
    """Fewest seconds of a call, after one that is not counted."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(pictures: Path, encoder: str, work: Path) -> list[Figures]:
    """Measure one encoder with every runtime."""
    arrays, labels = prepared(pictures, encoder)
    batches = [arrays[start : start + BATCH] for start in range(0, len(arrays), BATCH)]
    oracle: Floats | None = None
    rows = []
    for name, (runtime, precision) in RUNTIMES.items():
        loaded = load_encoder(encoder, device="cpu", precision=precision, runtime=runtime)
        vectors = np.concatenate([loaded.encode_prepared(batch) for batch in batches])
        oracle = vectors if oracle is None else oracle
        cosines = (vectors * oracle).sum(axis=1)
        rate = BATCH / fastest(lambda of=loaded: of.encode_prepared(batches[0]), RUNS)  # type: ignore[misc]
        single = fastest(lambda of=loaded: of.encode_prepared(arrays[:1]), SINGLE)  # type: ignore[misc]
        rows.append(
            Figures(
                encoder,
                name,
                rate,
                1000 * single,
                build_rate(pictures, encoder, runtime, precision, work),
                (float(cosines.min()), float(cosines.mean())),
                retrieval(vectors, labels).recall_at[1],
            )
        )
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def build_rate(pictures: Path, encoder: str, runtime: str, precision: str, work: Path) -> float:
    """Pictures per second of a new index."""
    index = work / "encoder_speed.index"
    shutil.rmtree(index, ignore_errors=True)
    words = [sys.executable, "-c", BUILD, runtime, precision, pictures, encoder, index]
    done = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def page(rows: list[Figures], count: int) -> str:
    """The page in Markdown."""
    import torch

    reason = why_float32()
    lines = [
        "# Speed of the encoders on a CPU",
        "",
        f"Written by `python -m benchmarks.encoder_speed` on {utc_today()}: {count:,} pictures,"
        f" {os.cpu_count()} cores of {platform.machine()}, torch {torch.__version__}, OpenVINO"
        f" {openvino().get_version().partition('-')[0]}. Load average at the end: {os.getloadavg()[1]:.0f}."
        + ("" if reason is None else f" bfloat16 was computed in float32, because {reason}."),
        "",
        f"`pictures/s` is for the network alone, in batches of {BATCH}; `one` is the milliseconds for a single picture;"
        " `build` is pictures per second of a new index, with reading and decoding. The cosine is to the vectors of"
        " torch in float32. R@1 is by the name of the folder, each picture against all others.",
        "",
        "| encoder | computed by | pictures/s | one (ms) | build | smallest cosine | mean cosine | R@1 |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{r.encoder}` | {r.runtime} | {r.rate:.0f} | {r.single:.1f} | {r.build:.0f}"
        f" | {r.cosine[0]:.6f} | {r.cosine[1]:.6f} | {r.r_at_1:.4f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every encoder and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of pictures, one subfolder per class")
    parser.add_argument(
        "--encoder", action="append", help="encoder to measure; may be repeated [default: photo and small]"
    )
    parser.add_argument("--work", type=Path, default=Path(".cache/benchmark"), help="folder for the indexes")
    parser.add_argument("--out", type=Path, default=Path("docs/results/encoder_speed.md"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = [
        each for name in options.encoder or ["photo", "small"] for each in measure(options.pictures, name, options.work)
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(rows, len(scan(options.pictures))), encoding="utf-8")


if __name__ == "__main__":
    main()
