"""Measure weights and whitening of a joined encoder on validation pictures, to choose its settings.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.joining .cache/small

Splits a joined encoder into learned embedding, colours and edges, joins them again with other settings, and measures
each on validation pictures. None of these is used for docs/results/small.md. Writes docs/results/joining.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from indexer.alterations import COPIES
from indexer.metrics.retrieval import retrieval
from indexer.training.config import JoinConfig
from indexer.training.data import read_pictures
from indexer.training.joining import principal_projection
from indexer.training.recipes.small import CONFIG, VALIDATION
from indexer.training.splits import split_pictures
from indexer.training.validation import normalised
from search.chunks import chunks
from search.encoders import load_encoder
from search.encoders.networks.joined import Joined
from search.encoders.preprocessing import squash
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from search.types import Floats

ROOT = Path(__file__).resolve().parent.parent
VALIDATED = {
    "photos": tuple(f"tiny-imagenet/train/{wnid}/*_??.webp" for wnid in VALIDATION),
    "clothes": ("clothing/validation/*/*",),
    "faces": ("faces/s[1-9]/*", "faces/s1?/*", "faces/s20/*"),
    "signatures": ("signatures/writer00?/*", "signatures/writer010/*"),
    "characters": ("omniglot/[A-C]*/*/*_0[1-4].png",),
}
"""Writers 1 to 10 and people 1 to 20; the characters are from alphabets that the recipe trains on."""
QUERIES = 250
MOST = 1200
FIT = 6000
SETTINGS = (
    JoinConfig(learned=1, colors=0, edges=0, dim=256, whitening=0),
    JoinConfig(learned=0, colors=1, edges=0, dim=245, whitening=0),
    JoinConfig(learned=0, colors=0, edges=1, dim=384, whitening=0),
    JoinConfig(learned=1, colors=0, edges=0, dim=256, whitening=0.5),
    *(JoinConfig(0.9, 0.05, 0.05, dim=dim, whitening=0.5) for dim in (128, 256, 384)),
    *(JoinConfig(0.9, 0.05, 0.05, dim=256, whitening=whitening) for whitening in (0, 0.25, 0.75)),
    JoinConfig(0.95, 0.025, 0.025, dim=256, whitening=0.5),
    JoinConfig(0.8, 0.1, 0.1, dim=256, whitening=0.5),
    JoinConfig(0.9, 0.1, 0, dim=256, whitening=0.5),
    JoinConfig(0.8, 0.2, 0, dim=256, whitening=0.5),
    JoinConfig(0.8, 0.15, 0.05, dim=256, whitening=0.5),
    JoinConfig(0.7, 0.15, 0.15, dim=256, whitening=0.5),
    JoinConfig(0.7, 0.2, 0.1, dim=256, whitening=0.5),
    JoinConfig(0.6, 0.2, 0.2, dim=256, whitening=0.5),
    JoinConfig(0.5, 0.2, 0.3, dim=256, whitening=0.5),
    JoinConfig(0.4, 0.3, 0.3, dim=256, whitening=0.5),
)

Parts = tuple["Floats", "Floats", "Floats"]


@dataclass(frozen=True, slots=True)
class SplitCollection:
    """The parts of a collection's embeddings, unit rows; `copies` holds those of the rows `copied`, by alteration."""

    parts: Parts
    labels: list[str]
    copied: list[int]
    copies: dict[str, Parts]


@torch.inference_mode()
def parts_of(network: Joined, images: Sequence[Image], size: int) -> Parts:
    """Learned embedding, colours and edges of pictures, unit rows."""
    parts: list[list[torch.Tensor]] = [[], [], []]
    for batch in chunks(images, 128):
        squares = np.stack([squash(image, size) for image in batch])
        pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255.0
        learned, colors = functional.normalize(network.learned(normalised(pixels))), network.colors(pixels)
        for rows_of, part in zip(parts, (learned, functional.normalize(colors), network.edges(pixels)), strict=True):
            rows_of.append(part)
    rows: list[Floats] = [torch.cat(each).numpy() for each in parts]
    return rows[0], rows[1], rows[2]


def joined(parts: Parts, settings: JoinConfig) -> Floats:
    """Join the parts with the weights of `settings`, without projection."""
    total = settings.learned + settings.colors + settings.edges
    weights = (settings.learned / total, settings.colors / total, settings.edges / total)
    kept = [weight**0.5 * part for weight, part in zip(weights, parts, strict=True) if weight > 0]
    rows: Floats = np.concatenate(kept, axis=1)
    return rows


def split(network: Joined, datasets: Path, name: str, size: int) -> SplitCollection:
    """Decode a collection and altered copies of some of its pictures, and compute the parts of their embeddings."""
    paths = [path for pattern in VALIDATED[name] for path in sorted(datasets.glob(pattern))]
    paths = [paths[row] for row in np.linspace(0, len(paths) - 1, min(MOST, len(paths))).astype(int)]
    images = [load_picture(path) for path in paths]
    rows = np.linspace(0, len(paths) - 1, min(QUERIES, len(paths))).astype(int).tolist()
    copies = {each.name: parts_of(network, [each.alter(images[row]) for row in rows], size) for each in COPIES}
    return SplitCollection(parts_of(network, images, size), [str(path.parent) for path in paths], rows, copies)


def fitted_on(network: Joined, datasets: Path, size: int) -> Parts:
    """The parts of a sample of the recipe's training pictures."""
    train = split_pictures(read_pictures(datasets), CONFIG)["train"]
    rows = np.random.default_rng(0).permutation(len(train.paths))[:FIT]
    return parts_of(network, [load_picture(train.paths[row]) for row in rows], size)


def measure(settings: JoinConfig, fit: Parts, collections: dict[str, SplitCollection]) -> dict[str, float]:
    """R@1 of each collection, its mean, and the mean share of copies found first."""
    weight, bias = principal_projection(joined(fit, settings), settings.dim, settings.whitening)

    def project(parts: Parts) -> Floats:
        rows = joined(parts, settings) @ weight.T + bias
        unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return unit

    figures: dict[str, float] = {}
    shares = []
    for name, collection in collections.items():
        vectors = project(collection.parts)
        figures[name] = retrieval(vectors, collection.labels, ks=(1,)).recall_at[1]
        shares += [
            float(((project(copy) @ vectors.T).argmax(axis=1) == np.array(collection.copied)).mean())
            for copy in collection.copies.values()
        ]
    return {**figures, "mean R@1": float(np.mean(list(figures.values()))), "copies": float(np.mean(shares))}


def page(rows: list[tuple[JoinConfig, dict[str, float]]]) -> str:
    """Format the results as Markdown."""
    names = list(rows[0][1])
    lines = [
        "# Joining the learned embedding with colours and edges",
        "",
        "Written by `python -m benchmarks.joining`. R@1 on validation pictures, and the share of altered copies whose "
        "original is found first. The recipe's settings were chosen from this table, not on the pictures of "
        "[small.md](small.md).",
        "",
        "| learned | colours | edges | dimensions | whitening | " + " | ".join(names) + " |",
        "|---:|---:|---:|---:|---:|" + "---:|" * len(names),
    ]
    for settings, figures in rows:
        knobs = (settings.learned, settings.colors, settings.edges, settings.dim, settings.whitening)
        values = [f"{value:g}" for value in knobs] + [f"{figures[name]:.3f}" for name in names]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every setting and write the page."""
    parser = argparse.ArgumentParser(description="Measure settings of a joined encoder.")
    parser.add_argument("encoder", help="a folder that train --recipe small wrote, or small")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "joining.md")
    options = parser.parse_args(arguments)
    encoder = load_encoder(options.encoder, device="cpu", runtime="torch")
    network = getattr(encoder, "network", None)
    if not isinstance(network, Joined):
        parser.exit(1, f"error: {options.encoder} is not a joined encoder\n")
    collections = {name: split(network, options.datasets, name, encoder.input_size) for name in VALIDATED}
    fit = fitted_on(network, options.datasets, encoder.input_size)
    rows = []
    for settings in SETTINGS:
        rows.append((settings, measure(settings, fit, collections)))
        print(settings, {name: round(value, 3) for name, value in rows[-1][1].items()}, flush=True)
    options.out.write_text(page(rows), encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
