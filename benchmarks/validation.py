"""Two figures of an encoder on pictures that are there to choose settings by, in under a minute.

    python -m benchmarks.datasets --out .cache/datasets tiny-imagenet clothing
    python -m benchmarks.validation .cache/builtin

The collections are those that the recipe `builtin` watches and never trains on: 10 classes of photos, and the
validation split of the clothes. R@1 by label, and the share of altered copies whose original comes first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.alterations import ALTERATIONS
from indexer.metrics import retrieval
from indexer.training.recipes.builtin import CONFIG
from search.encoders import load_encoder
from search.errors import TwinlensError
from search.images import PICTURE_SUFFIXES, load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from search.encoders.base import Encoder
    from search.types import Floats

PICTURES_OF_A_CLASS = 200
COPIES = 300
_BATCH = 64


def collections(datasets: Path) -> dict[str, list[Path]]:
    """The recipe's validation pictures by data set, so many of each class, evenly spread."""
    found: dict[str, list[Path]] = {}
    for pattern in CONFIG.validation:
        for folder in sorted(datasets.glob(pattern)):
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
            found.setdefault(pattern.partition("/")[0], []).extend(evenly(paths, PICTURES_OF_A_CLASS))
    return found


def evenly(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many, from the first to the last."""
    return [paths[row] for row in np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int)]


def measure(encoder: Encoder, paths: Sequence[Path]) -> tuple[float, dict[str, float]]:
    """R@1 by folder, and by alteration the share of copies whose original comes first of all `paths`."""
    vectors = embed(encoder, paths)
    recall = retrieval(vectors, [path.parent.name for path in paths], ks=(1,)).recall_at[1]
    rows = np.linspace(0, len(paths) - 1, min(COPIES, len(paths))).astype(int)
    copied = [paths[row] for row in rows]
    found = {
        name: float(((embed(encoder, copied, alter) @ vectors.T).argmax(axis=1) == rows).mean())
        for name, alter in ALTERATIONS.items()
    }
    return recall, found


def embed(encoder: Encoder, paths: Sequence[Path], alter: Callable[[Image], Image] = lambda image: image) -> Floats:
    """Embed files `(N, dim)`, each altered first."""
    return np.concatenate(
        [
            encoder.encode([alter(load_picture(path)) for path in paths[start : start + _BATCH]])
            for start in range(0, len(paths), _BATCH)
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one encoder and print."""
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
    recalls, shares = [], []
    for name, paths in sets.items():
        recall, found = measure(encoder, paths)
        recalls.append(recall)
        shares.append(float(np.mean(list(found.values()))))
        print(f"{name} ({len(paths)} pictures): R@1 {recall:.3f}, copies found first {shares[-1]:.3f}", flush=True)
        print("\n".join(f"  {share:.3f} {kind}" for kind, share in found.items()), flush=True)
    print(f"mean R@1 {np.mean(recalls):.3f}, mean copies found {np.mean(shares):.3f}")


if __name__ == "__main__":
    main()
