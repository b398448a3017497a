"""Measure the encoders `photo` and `photo-large` beside what they are made of, and write docs/results/photo.md.

    python -m benchmarks.datasets tiny-imagenet clothing clothing-full faces omniglot signatures mnist fashion-mnist
    python -m benchmarks.photo_encoder --limit 600

Columns: `photo`, `photo-large`, `small`, EfficientNet-Lite0 untrained at 224 pixels (the mean of its last map),
EfficientNet-Lite2 untrained at 288 pixels (mean and GeM: the teacher), and `color-layout`. None of these collections
was opened in the training of `photo`. Twenty minutes on two cores with the limit above.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.encoder_menu import write_figures
from benchmarks.held_out import COLLECTIONS, FULL_SIZE, PHOTOS, pictures_of
from benchmarks.small_encoder import Bench
from benchmarks.small_page import by_label, copies, photos, table
from search.encoders import load_encoder, shipped_folder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import EfficientNetLite
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.small_page import Column
    from search.encoders.base import Encoder

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results" / "photo.md"


def untrained(variant: str, pooled: Sequence[str], size: int, name: str) -> CheckpointEncoder:
    """A backbone with the weights of its package and without a head."""
    spec = {"kind": "efficientnet_lite", "variant": variant, "pooled": list(pooled), "dim": None}
    network = build_network(spec, pretrained=True)
    assert isinstance(network, EfficientNetLite)
    return CheckpointEncoder(network, spec, name=name, input_size=size, dim=network.features, device="cpu")


def encoders() -> dict[str, Encoder]:
    """The columns of the page, by name."""
    shipped = {name: load_encoder(name, device="cpu") for name in ("photo", "photo-large", "small", "color-layout")}
    lite0 = untrained("lite0", ("mean",), 224, "Lite0 untrained")
    lite2 = untrained("lite2", ("mean", "gem"), 288, "Lite2 untrained")
    return {**shipped, lite0.name: lite0, lite2.name: lite2}


def page(columns: Mapping[str, Column], of: Mapping[str, Encoder]) -> str:
    """Format the results as Markdown."""
    blocks = [
        ["# The encoders photo and photo-large"],
        [
            "Written by `python -m benchmarks.photo_encoder`; the recipes are `indexer/training/recipes/photo.py` and "
            "`photo_large.py`."
        ],
        [
            f"Measured on {utc_today()}: 2 cores, perhaps shared with other work, {platform.machine()}, OpenVINO in "
            f"float32. Fingerprint of `photo`: `{of['photo'].fingerprint}`. `Lite0 untrained` is the mean of the last "
            "map of EfficientNet-Lite0 at 224 pixels, `Lite2 untrained` mean and GeM of EfficientNet-Lite2 at 288 "
            "pixels, which was the teacher. Both were trained on ImageNet, whose classes include those of the photos "
            "here. `photo` saw none of these collections; `small` was trained on other classes of some ([its "
            "page](small.md))."
        ],
        ["## The nearest other picture has the same label (R@1)"],
        ["In brackets: the 95 % interval by bootstrap over classes."],
        by_label(columns),
        [f"## More on {PHOTOS}"],
        photos(columns),
        *copies(columns, PHOTOS),
        *copies(columns, FULL_SIZE),
        table(columns, {"mean over kinds and collections": [f"{each.mean_copies:.3f}" for each in columns.values()]}),
        ["## Size and speed"],
        ["Pictures per second of `encode`, from decoded pictures: the best of three rounds."],
        table(columns, _costs(columns, of)),
        [f"Peak memory of this benchmark: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB."],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _costs(columns: Mapping[str, Column], of: Mapping[str, Encoder]) -> dict[str, list[str]]:
    return {
        "dimensions": [str(of[name].dim) for name in columns],
        "pixels": [str(of[name].input_size) for name in columns],
        "pictures per second": [f"{each.pictures_per_second:.0f}" for each in columns.values()],
        "MiB in this package": [_mebibytes(name) for name in columns],
    }


def _mebibytes(name: str) -> str:
    folder = shipped_folder(name)
    return "" if folder is None else f"{sum(each.stat().st_size for each in folder.iterdir()) / 2**20:.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the encoders and write the page."""
    parser = argparse.ArgumentParser(description="Measure the encoders photo and photo-large.")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--limit", type=int, default=1_000_000, help="largest number of pictures per collection")
    parser.add_argument("--copies", type=int, default=150, help="number of altered copies of each kind")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    collections = {each.title: pictures_of(each, options.datasets, options.limit) for each in COLLECTIONS}
    if lacking := [title for title, of in collections.items() if not of.paths]:
        sys.exit(f"error: {options.datasets}: lacks {', '.join(lacking)}: run python -m benchmarks.datasets first")
    bench, of, columns = Bench(options.datasets, collections, None, options.copies), encoders(), {}
    for name, encoder in of.items():
        start = time.perf_counter()
        columns[name] = bench.measure(encoder)
        sys.stdout.write(
            f"{name}: R@1 {columns[name].mean_recall:.3f}, copies {columns[name].mean_copies:.3f}, "
            f"{time.perf_counter() - start:.0f} s, torch {torch.__version__}\n"
        )
        sys.stdout.flush()
    options.out.write_text(page(columns, of), encoding="utf-8")
    write_figures(columns)


if __name__ == "__main__":
    main()
