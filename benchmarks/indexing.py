"""Compare the speed of `twinlens build` with what decoding and the network allow; write the figures as Markdown.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.indexing --datasets .cache/datasets --work .cache/indexing --out docs/results/indexing.md

Each part runs in a process of its own: see `benchmarks.indexing_parts`. The parts are measured in turn, several times,
so that other work on the machine slows all of them; shares are of figures from the same round. The files are in the
file cache.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.indexing_parts import BATCH, CORES
from indexer.pipeline.scan import scan
from search.encoders.openvino_runtime import available, openvino, why_float32
from search.text import utc_today

COLLECTIONS = ("clothing-full", "clothing", "tiny-imagenet/val", "varied")
"""Folders of `benchmarks.datasets`: photos of 400 by 533 pixels, of 112, of 64, and of 160 and more."""
PARTS = ("decode", "forward", "build", "loader")
ENCODERS = ("photo", "small")


@dataclass(frozen=True)
class Figures:
    """One collection and encoder, measured in several rounds."""

    collection: str
    encoder: str
    precision: str
    rounds: list[dict[str, dict[str, float]]]
    """Part -> its figures, for each round."""
    size: int
    """Bytes of the index."""
    again: float
    """Seconds of a second build, which finds nothing to do."""

    def rate(self, part: str) -> float:
        """Pictures per second."""
        return median(each[part]["pictures"] / each[part]["seconds"] for each in self.rounds)

    def bound(self) -> float:
        """Pictures per second that decoding and the network allow together."""
        return median(1 / bound_seconds(each) for each in self.rounds)

    def share(self) -> float:
        """Pictures per second of the pipeline, relative to the bound."""
        return median(bound_seconds(each) / per_picture(each["build"], "seconds") for each in self.rounds)

    def cpu_share(self) -> float:
        """CPU time that decoding and the network need, relative to that of the pipeline."""
        return median(
            (per_picture(each["decode"], "cpu") + per_picture(each["forward"], "cpu"))
            / per_picture(each["build"], "cpu")
            for each in self.rounds
        )

    def times_loader(self) -> float:
        """Speed of the pipeline relative to that of the `DataLoader`."""
        return median(
            per_picture(each["loader"], "seconds") / per_picture(each["build"], "seconds") for each in self.rounds
        )

    def last(self, key: str) -> float:
        """A figure of the last build."""
        return self.rounds[-1]["build"][key]


def per_picture(figures: dict[str, float], key: str) -> float:
    """Seconds or CPU seconds of one picture."""
    return figures[key] / figures["pictures"]


def bound_seconds(figures: dict[str, dict[str, float]]) -> float:
    """Seconds a picture that decoding and the network take one after the other, each on all cores."""
    return sum(per_picture(figures[part], "seconds") for part in ("decode", "forward"))


def sample(folder: Path, count: int, work: Path) -> Path:
    """A folder of links to `count` pictures, evenly spaced in the order of their paths."""
    files = scan(folder)
    chosen = files[:: max(1, len(files) // count)][:count]
    out = work / f"{'-'.join(folder.parts[-2:])}.pictures"
    shutil.rmtree(out, ignore_errors=True)
    for file in chosen:
        link = out / file.path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.path.resolve())
        file.path.read_bytes()
    return out


def python(*words: object) -> Any:
    """Run this interpreter, and read what it printed as JSON."""
    done = subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(pictures: Path, name: str, encoder: str, precision: str, rounds: int) -> Figures:
    """Measure all parts in turn, then build again without changes."""
    index = pictures.with_suffix(".index")
    words = ("-m", "benchmarks.indexing_parts")
    measured = [
        {part: python(*words, part, pictures, encoder, precision, index) for part in PARTS} for _ in range(rounds)
    ]
    start = time.perf_counter()
    again = python("-m", "indexer", "build", pictures, "--index", index, "--json")
    seconds = time.perf_counter() - start
    if again["embedded"]:
        raise SystemExit(f"{index}: the second build embedded {again['embedded']} pictures")
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    return Figures(name, encoder, precision, measured, size, seconds)


def page(rows: list[Figures], rounds: int) -> str:
    """The page in Markdown."""
    import torch

    runtime = f"OpenVINO {openvino().get_version().partition('-')[0]}" if available() else "no OpenVINO"
    reason = why_float32() if any(row.precision == "bfloat16" for row in rows) else None
    lines = [
        "# Speed of indexing",
        "",
        f"Written by `python -m benchmarks.indexing` on {utc_today()}: {CORES} cores of {platform.machine()}, no GPU,"
        f" torch {torch.__version__}, {runtime}; medians of {rounds} rounds. Load average at the end:"
        f" {os.getloadavg()[1]:.0f}; with other work on the machine, compare the shares and not the rates."
        + ("" if reason is None else f" bfloat16 was computed in float32, because {reason}."),
        "",
        f"Rates are pictures per second. `decode` reads, hashes and decodes with a thread per core; `network` embeds"
        f" decoded pictures in batches of {BATCH}. Each alone uses all cores, so that both together reach `bound` = "
        "1 / (1 / decode + 1 / network). `pipeline` is a new index from the first file that is read to the last batch"
        " that is staged; `build` is all of it, from the scan to the commit. Both leave out `load encoder`, which"
        " imports torch, converts and compiles the network, and takes as long for any number of pictures. `CPU share`"
        " is the CPU time of `decode` and `network` relative to that of the pipeline, which other work on the machine"
        " affects less. `DataLoader` is a plain loop of torch with a worker per core and the network in float32.",
        "",
        "| collection | pictures | encoder | precision | decode | network | bound | pipeline | share of the bound"
        " | CPU share | DataLoader | pipeline, times DataLoader | build | peak memory | index size | load encoder"
        " | build again, unchanged |",
        "|---|---:|---|---|" + "---:|" * 13,
    ]
    lines += [
        f"| {r.collection} | {r.last('pictures'):,.0f} | `{r.encoder}` | {r.precision} | {r.rate('decode'):.0f}"
        f" | {r.rate('forward'):.0f} | {r.bound():.0f} | {r.rate('build'):.0f}"
        f" | {r.share():.2f} | {r.cpu_share():.2f} | {r.rate('loader'):.0f} | {r.times_loader():.1f}"
        f" | {r.last('pictures') / r.last('all_seconds'):.0f}"
        f" | {r.last('peak') / 2**20:.0f} MiB | {r.size / 2**20:.1f} MiB | {r.last('load'):.1f} s | {r.again:.1f} s |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every collection with every encoder and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"), help="folder of the unpacked data")
    parser.add_argument("--collection", action="append", help="folder below it; may be repeated [default: four]")
    parser.add_argument("--encoder", action="append", help="may be repeated [default: photo and small]")
    parser.add_argument("--precision", action="append", help="may be repeated [default: float32 and bfloat16]")
    parser.add_argument("--pictures", type=int, default=3_000, help="most pictures of a collection")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(".cache/indexing"), help="folder for the indexes")
    parser.add_argument("--out", type=Path, default=Path("docs/results/indexing.md"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in options.collection or COLLECTIONS:
        pictures = sample(options.datasets / name, options.pictures, options.work.resolve())
        for encoder in options.encoder or ENCODERS:
            for precision in options.precision or ("float32", "bfloat16"):
                rows.append(measure(pictures, name, encoder, precision, options.rounds))
                sys.stderr.write(f"{rows[-1]}\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(rows, options.rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
