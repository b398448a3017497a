"""Compare every loss and mining on one budget: the same network, batches and steps, measured on test pictures.

    python -m benchmarks.datasets --out .cache/datasets mnist omniglot tiny-imagenet
    python -m benchmarks.losses

For digits, training and test have different pictures of the same classes; for characters and photos they have
different classes.

The margin of each contender is chosen by mAP@R on the validation pictures, with the first seed. Only then are the test
pictures measured, with every seed. Learning rate and batches are the same for all. Finished runs are kept under
`--work`, so that the same command resumes after a stop. Writes docs/results/losses.md at the end.

Source: the protocol follows Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020, on a small scale.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from indexer.metrics.retrieval import retrieval
from indexer.training import AugmentConfig, TrainConfig, train
from indexer.training.collapse import TrainingCollapsedError
from indexer.training.losses import LOSSES, MINED
from indexer.training.mining import MINERS
from indexer.training.recipes.small import HELD_OUT, VALIDATION
from search.chunks import chunks
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.pictures.decode import load_picture
from search.text import utc_today

if TYPE_CHECKING:
    from PIL.Image import Image

    from search.encoders.base import Encoder

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results" / "losses.md"
NETWORK: dict[str, Any] = {
    "kind": "resnet",
    "stem": 16,
    "widths": [16, 32, 64],
    "depths": [1, 1, 1],
    "pooled": 2,
    "dim": 64,
}
SIZE = 32
MOST = 3000
"""Largest number of test pictures, the same number for each class."""
T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}
"""Two-sided 95 % quantiles of Student's t by degrees of freedom."""
SHARES = {"train": 300, "validation": 100}
"""Pictures per class, if training, validation and test have the same classes."""
_BATCH = 256

MARGINS: dict[str, tuple[float, ...]] = {
    "arcface": (0.05, 0.15, 0.3),
    "contrastive": (0.1, 0.3, 0.6),
    "cosine-embedding": (0.0, 0.3, 0.5),
    "proxy-anchor": (0.0, 0.1, 0.3),
    "triplet": (0.05, 0.15, 0.4),
    "triplet-adapted": (0.05, 0.15, 0.4),
    "triplet-cosine": (0.05, 0.15, 0.4),
    "triplet-mean": (0.05, 0.15, 0.4),
    "triplet-soft": (0.05, 0.15, 0.4),
    "triplet-soft-cosine": (0.05, 0.15, 0.4),
}
"""Margins to try; losses that are not listed use no margin."""


@dataclass(frozen=True, slots=True)
class Data:
    """Training, validation and test classes of one data set, as patterns of folders.

    Without validation classes, each class gives `SHARES` pictures to training and to validation.
    """

    folder: str
    about: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    augment: AugmentConfig


@dataclass(frozen=True, slots=True)
class Contender:
    """A loss and, if it uses triplets, a mining."""

    loss: str
    mining: str | None = None

    @property
    def margins(self) -> tuple[float, ...]:
        """Margins to try; those of `hard` differ by a constant, which has no gradient."""
        return (0.1,) if self.mining == "hard" else MARGINS.get(self.loss, (0.1,))

    @property
    def name(self) -> str:
        """Name in the table."""
        return self.loss if self.mining is None else f"{self.loss}, {self.mining}"


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares in [0, 1]; zeros for a collapsed run."""

    validation: float
    recall_at_1: float
    map_at_r: float
    collapsed: bool = False


STROKES = AugmentConfig(
    min_area=0.8, max_aspect=1.1, p_flip=0, degrees=10, p_quarter=0, p_color=0, p_gray=0, p_fade=0, p_jpeg=0, p_noise=0
)
DATA = {
    "mnist": Data("mnist", "digits, 32 x 32 pixels", ("train/*",), (), ("test/*",), STROKES),
    "omniglot": Data(
        "omniglot",
        "characters of alphabets never seen, 32 x 32 pixels",
        ("Bengali/*", "Cyrillic/*", "Greek/*", "Gujarati/*", "Hebrew/*", "Korean/*", "Latin/*", "Sanskrit/*"),
        ("Armenian/*", "Early_Aramaic/*", "Tagalog/*"),
        ("Anglo-Saxon_Futhorc/*", "Balinese/*", "Futurama/*", "Tifinagh/*"),
        STROKES,
    ),
    "photos": Data(
        "tiny-imagenet/train",
        "photos of classes never seen, 32 x 32 pixels",
        ("n0164*", "n0174*", "n0176*", "n0177*", "n019*", "n021*", "n027*", "n028*"),
        VALIDATION,
        HELD_OUT,
        AugmentConfig(min_area=0.5, p_rotate=0.2, p_quarter=0, p_fade=0, p_jpeg=0, p_noise=0),
    ),
}
CONTENDERS = (
    *(Contender(name) for name in LOSSES if name not in MINED),
    *(Contender(name, "all") for name in ("triplet-cosine", "triplet-mean", "triplet-soft", "triplet-soft-cosine")),
    *(Contender("triplet", mining) for mining in MINERS if mining != "violating"),
    *(Contender("triplet-adapted", mining) for mining in ("batch-hard", "semihard", "violating")),
)
"""`triplet, violating` is left out because it equals `triplet, all`: triplets with loss 0 have no weight."""


def config_of(data: Data, contender: Contender, margin: float, seed: int, steps: int) -> TrainConfig:
    """Settings of one run; contenders differ only in loss, mining and margin."""
    return TrainConfig(
        network=NETWORK,
        classes=data.train if data.validation else ("*",),
        validation=data.validation,
        held_out=data.test if data.validation else (),
        split_by="class" if data.validation else "picture",
        input_size=SIZE,
        augment=data.augment,
        classes_per_batch=16,
        views_per_class=4,
        repeats=0,
        loss=contender.loss,
        mining=contender.mining or "all",
        margin=margin,
        instance_weight=0.0,
        steps=steps,
        evaluate_every=steps,
        seed=seed,
        device="cpu",
        report=False,
    )


def run(data: Data, contender: Contender, margin: float, seed: int, steps: int, options: Options) -> Figures:
    """Train and measure, or read the figures of an earlier run."""
    name = f"{contender.loss}-{contender.mining or 'all'}-{margin}-{seed}"
    out = options.work / f"{data.folder.replace('/', '-')}-{steps}" / name
    if (out / "figures.json").exists():
        return Figures(**json.loads((out / "figures.json").read_text(encoding="utf-8")))
    config = config_of(data, contender, margin, seed, steps)
    try:
        train(options.datasets / data.folder, out, config=config, labels=labels_of(data, options))
        card = json.loads((out / "encoder.json").read_text(encoding="utf-8"))["card"]
        recall, precision = measure(load_encoder(out, device="cpu"), options.datasets, data)
        figures = Figures(float(card["last"]["map_at_r"]), recall, precision)
    except TrainingCollapsedError:
        figures = Figures(0.0, 0.0, 0.0, collapsed=True)
        out.mkdir(parents=True, exist_ok=True)
    (out / "figures.json").write_text(json.dumps(asdict(figures)), encoding="utf-8")
    sys.stderr.write(f"{name}: {figures}\n")
    return figures


def labels_of(data: Data, options: Options) -> str:
    """The `labels` of a run: `folder`, or the path of a CSV that also has the split of each picture."""
    if data.validation:
        return "folder"
    rows = ["path,label,split"]
    for folder in matching(options.datasets / data.folder, data.train):
        pictures = iter(sorted(folder.iterdir()))
        for split, count in SHARES.items():
            rows += [f"{path.resolve()},{folder.name},{split}" for path in islice(pictures, count)]
    file = options.work / f"{data.folder}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return str(file)


def matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Folders of classes, sorted."""
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_dir())


def measure(encoder: Encoder, datasets: Path, data: Data) -> tuple[float, float]:
    """R@1 and mAP@R of the test classes."""
    images, labels = test_pictures(datasets / data.folder, data.test)
    parts = [encoder.encode(batch) for batch in chunks(images, _BATCH)]
    figures = retrieval(np.concatenate(parts), labels, ks=(1,))
    return figures.recall_at[1], figures.map_at_r


@cache
def test_pictures(folder: Path, patterns: tuple[str, ...]) -> tuple[list[Image], list[str]]:
    """Decode the test pictures, once."""
    classes = matching(folder, patterns)
    chosen = [path for each in classes for path in sorted(each.iterdir())[: MOST // len(classes)]]
    return [load_picture(path) for path in chosen], [str(path.parent) for path in chosen]


def untrained(data: Data, seed: int, options: Options) -> Figures:
    """Measure the untrained network."""
    torch.manual_seed(seed)
    encoder = CheckpointEncoder(
        build_network(NETWORK), NETWORK, name="untrained", input_size=SIZE, dim=NETWORK["dim"], device="cpu"
    )
    return Figures(0.0, *measure(encoder, options.datasets, data))


def contest(data: Data, steps: int, options: Options) -> list[str]:
    """Run all contenders on one data set and format its table."""
    seeds = range(options.seeds)
    rows = [("not trained", "", [untrained(data, seed, options) for seed in seeds])]
    for contender in options.contenders:
        first = {margin: run(data, contender, margin, 0, steps, options) for margin in contender.margins}
        margin = max(first, key=lambda each: first[each].validation)
        figures = [run(data, contender, margin, seed, steps, options) for seed in seeds]
        rows.append((contender.name, f"{margin:g}" if len(first) > 1 else "", figures))
    rows.sort(key=lambda row: -float(np.mean([each.map_at_r for each in row[2]])))
    pictures, labels = test_pictures(options.datasets / data.folder, data.test)
    return [
        f"## {data.folder}: {data.about}",
        "",
        f"{len(set(labels))} test classes, {len(pictures)} pictures; {steps} batches of 16 classes x 4 views.",
        "",
        "| loss, mining | margin | R@1 | mAP@R | mAP@R, validation |",
        "|---|---:|---:|---:|---:|",
        *(line(*row) for row in rows),
        "",
    ]


def line(name: str, margin: str, figures: list[Figures]) -> str:
    """One row of the table."""
    collapsed = sum(each.collapsed for each in figures)
    name += f" (collapsed: {collapsed} of {len(figures)} runs)" if collapsed else ""
    columns = [[each.recall_at_1 for each in figures], [each.map_at_r for each in figures]]
    validation = [each.validation for each in figures]
    last = interval(validation) if any(validation) else ""
    return f"| {name} | {margin} | {' | '.join(interval(column) for column in columns)} | {last} |"


def interval(values: list[float]) -> str:
    """Mean and half the width of its 95 % interval over the seeds, by Student's t."""
    mean = f"{np.mean(values):.3f}"
    if len(values) < 2:
        return mean
    half = T_95[len(values) - 1] * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return f"{mean} ± {half:.3f}"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line."""

    datasets: Path
    work: Path
    seeds: int
    contenders: tuple[Contender, ...]


def main() -> None:
    """Run the missing runs, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "losses", help="folder for the runs")
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--steps", type=int, default=300, help="batches per run")
    parser.add_argument("--seeds", type=int, default=3, choices=range(1, len(T_95) + 2))
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    given = parser.parse_args()
    chosen = tuple(each for each in CONTENDERS if each.loss in given.losses)
    options = Options(given.datasets, given.work, given.seeds, chosen)
    tables = [text for name in given.data for text in contest(DATA[name], given.steps, options)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join([*heading(given.seeds), *tables]), encoding="utf-8")


def heading(seeds: int) -> list[str]:
    """Heading and description of the figures."""
    return [
        "# Losses and minings",
        "",
        f"Written by `python -m benchmarks.losses` on {utc_today()}, {os.cpu_count()} cores, "
        f"{platform.machine()}, torch {torch.__version__}.",
        "",
        f"All rows use one network (`{json.dumps(NETWORK)}`), one budget and one learning rate. Each margin is chosen "
        f"by mAP@R on the validation pictures with the first seed. Figures are means over {seeds} seeds, with 95 % "
        "intervals by Student's t, ordered by mAP@R on the test pictures. `triplet, violating` is left out, because "
        "it equals `triplet, all`: triplets with a loss of zero have no weight. Conclusions: "
        "[training](../training.md#what-is-minimised).",
        "",
    ]


if __name__ == "__main__":
    main()
