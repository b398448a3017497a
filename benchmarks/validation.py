"""Measure two figures of an encoder on the validation pictures, in less than a minute.

    python -m benchmarks.datasets --out .cache/datasets tiny-imagenet clothing
    python -m benchmarks.validation .cache/small

The collections are the validation pictures of the recipe `small`: 10 classes of photos, and the validation split of
the clothes. The figures are R@1 by label, and the share of altered copies whose original comes first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.alterations import COPIES
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.evaluation.robustness import measure_robustness
from indexer.metrics.retrieval import retrieval
from indexer.training.recipes.small import CONFIG
from search.encoders import load_encoder
from search.errors import TwinlensError
from search.pictures.decode import PICTURE_SUFFIXES, load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from indexer.evaluation.robustness import Robustness
    from search.encoders.base import Encoder

PICTURES_PER_CLASS = 200
QUERIES = 300


def collections(datasets: Path) -> dict[str, list[Path]]:
    """The recipe's validation pictures by data set, evenly spread over each class."""
    pictures: dict[str, list[Path]] = {}
    for pattern in CONFIG.validation:
        for folder in sorted(datasets.glob(pattern)):
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
            pictures.setdefault(pattern.partition("/")[0], []).extend(evenly(paths, PICTURES_PER_CLASS))
    return pictures


def evenly(paths: Sequence[Path], most: int) -> list[Path]:
    """At most `most` paths, at even steps from the first to the last."""
    return [paths[row] for row in np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int)]


def measure(encoder: Encoder, paths: Sequence[Path]) -> tuple[float, Robustness]:
    """R@1 by folder, and the robustness for everyday copies."""
    labels = [path.parent.name for path in paths]
    vectors = embed_in_memory(encoder, paths).vectors

    def load(row: int) -> Image:
        return load_picture(paths[row])

    copies = measure_robustness(encoder, load, vectors, labels, alterations=COPIES, queries=QUERIES)
    return retrieval(vectors, labels, ks=(1,)).recall_at[1], copies


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one encoder and print the figures."""
    parser = argparse.ArgumentParser(description="Two figures of an encoder on validation pictures.")
    parser.add_argument("encoder", help="a folder that twinlens train wrote, or a name")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    options = parser.parse_args(arguments)
    sets = collections(options.datasets)
    if len(sets) < len({pattern.partition("/")[0] for pattern in CONFIG.validation}):
        parser.exit(1, f"error: {options.datasets}: lacks pictures: run python -m benchmarks.datasets first\n")
    try:
        encoder = load_encoder(options.encoder, device="cpu")
    except TwinlensError as error:
        parser.exit(1, f"error: {error}\n")
    measured = {}
    for name, paths in sets.items():
        recall, copies = measured[name] = measure(encoder, paths)
        print(f"{name} ({len(paths)} pictures): R@1 {recall:.3f}, copies found first {copies.copies_found:.3f}")
        print("\n".join(f"  {row.copies_found:.3f} {row.kind}, {row.strength}" for row in copies.rows), flush=True)
    mean_recall = np.mean([recall for recall, _ in measured.values()])
    mean_copies = np.mean([copies.copies_found for _, copies in measured.values()])
    print(f"mean R@1 {mean_recall:.3f}, mean copies found {mean_copies:.3f}")


if __name__ == "__main__":
    main()
