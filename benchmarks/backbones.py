"""Compare EfficientNet-Lite backbones by variant, picture size, pooling and share of `small`.

    python -m benchmarks.datasets varied --out .cache/datasets
    python -m benchmarks.backbones .cache/datasets/varied

Writes docs/results/backbones.md, from which the parts of `photo` and `photo-large` were chosen. Nothing is trained: the
backbones are as their packages carry them. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.alterations import COPIES
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.metrics.retrieval import retrieval
from indexer.training.data import split_of
from search.encoders import load_encoder
from search.encoders.base import unit_rows
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import EfficientNetLite
from search.pictures.decode import load_picture
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.training.data import Split
    from search.encoders.base import Encoder
    from search.types import Floats

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results" / "backbones.md"
SETS = ("aid30", "dtd10", "food101", "instruments30", "landmarks13", "pets37", "smvs_dvd", "sneakers50")
"""The sets that were left out whole while `photo` was designed: see `indexer/training/recipes/photo.py`."""
NETWORKS = (("lite0", 192), ("lite0", 224), ("lite0", 256), ("lite1", 256), ("lite2", 260), ("lite2", 288))
POOLED = ("mean", "gem")
SHARES = (0.0, 0.15, 0.25, 0.35, 0.5, 0.7)
CHOSEN = 0.35
_TIMED = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """Unit rows of one encoder: `pictures (N, D)`, and the altered copies `(K, C, D)` of each kind."""

    pictures: Floats
    copies: Floats
    rate: float = 0.0
    """Pictures per second of `encode`, from decoded pictures."""

    def pooled(self, pooling: str) -> Rows:
        """The half that one pooling made; both halves are unit rows of the same length, scaled alike."""
        half = self.pictures.shape[-1] // 2
        part = slice(0, half) if pooling == "mean" else slice(half, None)
        return Rows(unit_rows(self.pictures[..., part]), _unit(self.copies[..., part]), self.rate)


@dataclass(frozen=True, slots=True)
class Bench:
    """The pictures, and the rows of those of which copies are made."""

    split: Split
    copied: list[int]

    def rows(self, encoder: Encoder) -> Rows:
        """Embed all pictures, and the copies."""
        pictures = embed_in_memory(encoder, self.split.paths).vectors
        originals = [load_picture(self.split.paths[row]) for row in self.copied]
        copies = np.stack([encoder.encode([each.alter(picture) for picture in originals]) for each in COPIES])
        small = [load_picture(path, target=encoder.input_size) for path in self.split.paths[:_TIMED]]
        start = time.perf_counter()
        encoder.encode(small)
        return Rows(unit_rows(pictures), copies, len(small) / (time.perf_counter() - start))

    def figures(self, rows: Rows) -> tuple[float, float, float]:
        """R@1 and mAP@R, means over the sets, and the share of copies that find their original first among all."""
        of = np.array([self.split.names[number].partition("/")[0] for number in self.split.classes])
        measured = []
        for name in SETS:
            labels = [str(number) for number in self.split.classes[of == name]]
            result = retrieval(rows.pictures[of == name], labels, ks=(1,))
            measured.append((result.recall_at[1], result.map_at_r))
        found = [np.mean((kind @ rows.pictures.T).argmax(axis=1) == self.copied) for kind in rows.copies]
        recall, precision = np.mean(measured, axis=0)
        return float(recall), float(precision), float(np.mean(found))


def joined(first: Rows, second: Rows, share: float) -> Rows:
    """Both vectors side by side; the second has the weight `share` in the squared distance, beside 1."""

    def side_by_side(one: Floats, other: Floats) -> Floats:
        return _unit(np.concatenate([one, share**0.5 * other], axis=-1))

    return Rows(side_by_side(first.pictures, second.pictures), side_by_side(first.copies, second.copies))


def _unit(rows: Floats) -> Floats:
    flat = unit_rows(np.ascontiguousarray(rows.reshape(-1, rows.shape[-1])))
    unit: Floats = flat.reshape(rows.shape)
    return unit


def backbone(variant: str, size: int) -> CheckpointEncoder:
    """A backbone as its package carries it; its row is that of both poolings, one after the other."""
    spec = {"kind": "efficientnet_lite", "variant": variant, "pooled": list(POOLED), "dim": None}
    network = build_network(spec, pretrained=True)
    assert isinstance(network, EfficientNetLite)
    return CheckpointEncoder(network, spec, name=variant, input_size=size, dim=network.features, device="cpu")


def pictures_in(folder: Path, limit: int) -> Split:
    """At most `limit` pictures of each set, the first of each class."""
    chosen: list[tuple[str, Path]] = []
    for name in SETS:
        of_set = sorted((folder / name).glob("*/*"), key=lambda path: (path.name, path.parent.name))
        chosen += [(path.parent.relative_to(folder).as_posix(), path) for path in of_set[:limit]]
    return split_of(chosen)


def page(bench: Bench, networks: dict[tuple[str, int], Rows], small: Rows) -> str:
    """Format the results as Markdown."""
    lines = [
        "# Backbones for photos",
        "",
        f"Written by `python -m benchmarks.backbones` on {utc_today()}: {len(bench.split.paths)} pictures of "
        f"{', '.join(SETS)}; means over the sets, each picture against all others of its set. The backbones are as "
        "their packages carry them: nothing is trained, and no layer is fitted. Copies: six everyday alterations of "
        f"{len(bench.copied)} pictures; the share that finds its original first among all pictures. OpenVINO in "
        "float32, 2 cores, perhaps shared with other work.",
        "",
        "`mean` and `GeM` pool the last map; `both` are their unit vectors side by side. `+ small` adds the vector of "
        f"the encoder `small` with {CHOSEN} of the weight of the backbone.",
        "",
        "| network | pixels | pictures/s | R@1 mean | GeM | both | both + small: R@1 | mAP@R | copies |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (variant, size), rows in networks.items():
        poolings = [bench.figures(rows.pooled(pooling))[0] for pooling in POOLED]
        best = bench.figures(joined(rows, small, CHOSEN))
        shown = " | ".join(f"{each:.3f}" for each in (*poolings, bench.figures(rows)[0], *best))
        lines.append(f"| {variant} | {size} | {rows.rate:.0f} | {shown} |")
    recall, precision, copies = bench.figures(small)
    lines += [f"| small | 64 | {small.rate:.0f} | | | | {recall:.3f} | {precision:.3f} | {copies:.3f} |", ""]
    lines += ["## How much of small", "", "Weight of `small` beside 1 for the backbone, or backbones.", ""]
    lines += ["| backbone | weight of small | R@1 | mAP@R | copies |", "|---|---:|---:|---:|---:|"]
    for name, rows in _parts(networks).items():
        for share in SHARES:
            shown = " | ".join(f"{each:.3f}" for each in bench.figures(joined(rows, small, share)))
            lines.append(f"| {name} | {share} | {shown} |")
    return "\n".join(lines) + "\n"


def _parts(networks: dict[tuple[str, int], Rows]) -> dict[str, Rows]:
    lite0, lite2 = networks["lite0", 256], networks["lite2", 288]
    return {
        "Lite0 at 256": lite0,
        "Lite2 at 288": lite2,
        "Lite2 at 288 and 0.6 of Lite0 at 256": joined(lite2, lite0, 0.6),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the backbones and write the page."""
    parser = argparse.ArgumentParser(description="Compare EfficientNet-Lite backbones.")
    parser.add_argument("pictures", type=Path, help="folder of the varied photos, SET/CLASS/FILE")
    parser.add_argument("--limit", type=int, default=600, help="largest number of pictures of each set")
    parser.add_argument("--copies", type=int, default=100, help="number of pictures of which copies are made")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    split = pictures_in(options.pictures, options.limit)
    if not split.paths:
        sys.exit(f"error: {options.pictures}: lacks {', '.join(SETS)}: run python -m benchmarks.datasets varied first")
    step = max(1, len(split.paths) // options.copies)
    bench = Bench(split, list(range(0, len(split.paths), step))[: options.copies])
    small = bench.rows(load_encoder("small", device="cpu"))
    networks = {}
    for variant, size in NETWORKS:
        networks[variant, size] = bench.rows(backbone(variant, size))
        sys.stdout.write(f"{variant} at {size}: {networks[variant, size].rate:.0f} pictures/s\n")
        sys.stdout.flush()
    options.out.write_text(page(bench, networks, small), encoding="utf-8")


if __name__ == "__main__":
    main()
