"""How good the built-in encoder is, beside the colour baseline and its own network untrained.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.builtin_encoder --card search/encoders/weights/builtin

Writes docs/results/builtin.md, and with `--card` the figures into the model card of that folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.alterations import ALTERATIONS
from indexer.metrics import retrieval
from indexer.training.recipes.builtin import HELD_OUT
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.images import load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.encoders.base import Encoder

ROOT = Path(__file__).resolve().parent.parent
COPIES = 1000
PHOTOS = "photos, 20 unseen classes"
FULL_SIZE = "clothes, full size"
BATCH = 128


@dataclass(frozen=True, slots=True)
class Figures:
    """All shares in [0, 1]."""

    recall_at_1: dict[str, float]
    copies_found: dict[str, dict[str, float]]
    """By collection, then by alteration."""
    pictures_per_second: float


def measure(encoder: Encoder, collections: dict[str, list[Path]]) -> Figures:
    """R@1 by label of each collection, and the share of altered copies whose original comes first, in `COPIED`."""
    vectors = {name: embed(encoder, paths) for name, paths in collections.items()}
    recall = {
        name: retrieval(vectors[name], [str(path.parent) for path in paths], ks=(1,)).recall_at[1]
        for name, paths in collections.items()
        if name != FULL_SIZE
    }
    found = {name: copies_found(encoder, collections[name], vectors[name]) for name in (PHOTOS, FULL_SIZE)}
    return Figures(recall, found, speed(encoder, collections[PHOTOS][:512]))


def copies_found(encoder: Encoder, paths: Sequence[Path], vectors: NDArray[np.float32]) -> dict[str, float]:
    """Share of altered copies whose nearest of all `vectors (N, dim)` is their original, by alteration."""
    chosen = np.linspace(0, len(paths) - 1, min(COPIES, len(paths))).astype(int)
    copied = [paths[row] for row in chosen]
    return {
        name: float(((embed(encoder, copied, alter) @ vectors.T).argmax(axis=1) == chosen).mean())
        for name, alter in ALTERATIONS.items()
    }


def embed(
    encoder: Encoder, paths: Sequence[Path], alter: Callable[[Image], Image] = lambda image: image
) -> NDArray[np.float32]:
    """Embed files `(N, dim)`, each altered first."""
    parts = [
        encoder.encode([alter(load_picture(path)) for path in paths[start : start + BATCH]])
        for start in range(0, len(paths), BATCH)
    ]
    return np.concatenate(parts)


def speed(encoder: Encoder, paths: Sequence[Path]) -> float:
    """Pictures a second of `encode`, from decoded pictures, in batches; the best of three rounds."""
    images = [load_picture(path) for path in paths]
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for first in range(0, len(images), BATCH):
            encoder.encode(images[first : first + BATCH])
        rounds.append(len(images) / (time.perf_counter() - start))
    return max(rounds)


def untrained(encoder: CheckpointEncoder) -> CheckpointEncoder:
    """Make the same network as it is before training."""
    torch.manual_seed(0)
    spec = encoder.architecture["network"]
    return CheckpointEncoder(
        build_network(spec), spec, name="random weights", input_size=encoder.input_size, dim=encoder.dim, device="cpu"
    )


def collections_in(datasets: Path) -> dict[str, list[Path]]:
    """Find pictures that no training opened."""
    held_out = [path for wnid in HELD_OUT for path in (datasets / "tiny-imagenet" / "train" / wnid).glob("*.webp")]
    return {
        PHOTOS: sorted(held_out),
        "clothes, test split": sorted((datasets / "clothing" / "test").glob("*/*.jpg")),
        "faces of 40 people": sorted((datasets / "faces").glob("*/*.png")),
        "964 characters, 5 drawers": sorted((datasets / "omniglot").glob("*/*/*_0[1-5].png")),
        FULL_SIZE: sorted((datasets / "clothing-full").rglob("*.jpg")),
    }


def page(figures: dict[str, Figures], encoder: CheckpointEncoder, collections: dict[str, list[Path]]) -> str:
    """Write the results as Markdown."""
    every = list(figures.values())
    lines = [
        "# The built-in encoder",
        "",
        "Written by `python -m benchmarks.builtin_encoder`; the recipe is `indexer/training/recipes/builtin.py`.",
        "",
        *provenance(encoder),
        "",
        "`color-layout` knows colours and where they are, and was not trained. `random weights` is the network of "
        "`builtin` before training.",
        "",
        "## The nearest other picture has the same label (R@1)",
        "",
        *table(
            figures,
            {
                f"{key} ({len(collections[key])})": [each.recall_at_1[key] for each in every]
                for key in every[0].recall_at_1
            },
        ),
    ]
    for name in every[0].copies_found:
        originals = len(collections[name])
        rows = {key: [each.copies_found[name][key] for each in every] for key in ALTERATIONS}
        rows["mean"] = [float(np.mean(list(each.copies_found[name].values()))) for each in every]
        lines += [
            "",
            f"## An altered copy finds its original first: {name} ({min(COPIES, originals)} copies of each kind, "
            f"{originals} originals)",
            "",
            *table(figures, rows),
        ]
    pace = {"pictures a second": [each.pictures_per_second for each in every]}
    speed_title = "## Speed of `encode`: decoded pictures of 64 x 64 in batches of 128, the best of three rounds"
    return "\n".join([*lines, "", speed_title, "", *table(figures, pace, "{:.0f}"), ""])


def provenance(encoder: CheckpointEncoder) -> list[str]:
    """Say when, on what, and of what these figures are."""
    trained, last = encoder.card.get("trained_on", {}), encoder.card.get("last") or {}
    return [
        f"Measured on {datetime.now(UTC).date().isoformat()}: {os.cpu_count()} cores shared with other work, "
        f"{platform.machine()}, torch {torch.__version__} on the CPU. Fingerprint `{encoder.fingerprint}`, "
        f"{encoder.dim} dimensions, input {encoder.input_size} x {encoder.input_size}. Trained on "
        f"{trained.get('pictures', '?')} pictures of {trained.get('classes', '?')} classes in "
        f"{last.get('minutes', 0):.0f} minutes ({last.get('step', '?')} batches). No class of the photos below was "
        "among them, no face and no character; the classes of the clothes were, but no picture of the test split. "
        "The full-size clothes were among them too, at 112 pixels: their copies are the easier for it."
    ]


def table(figures: dict[str, Figures], rows: dict[str, list[float]], shown: str = "{:.3f}") -> list[str]:
    """One column an encoder, one row a figure."""
    head = ["|  | " + " | ".join(figures) + " |", "|---|" + "---:|" * len(figures)]
    return head + [
        f"| {name} | " + " | ".join(shown.format(value) for value in row) + " |" for name, row in rows.items()
    ]


def write_card(folder: Path, figures: Figures) -> None:
    """Add what was measured to the card in `encoder.json`; the card is no part of the fingerprint."""
    file = folder / "encoder.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["card"]["measured"] = {
        "recall_at_1": {key: round(value, 4) for key, value in figures.recall_at_1.items()},
        "copies_found": {key: round(float(np.mean(list(of.values()))), 4) for key, of in figures.copies_found.items()},
    }
    aside = file.with_suffix(".part")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure three encoders and write the page."""
    parser = argparse.ArgumentParser(description="Measure the built-in encoder.")
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets")
    parser.add_argument("--encoder", default="builtin", help="or the folder of another run of training")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "builtin.md")
    parser.add_argument("--card", type=Path, default=None, help="folder whose encoder.json takes the figures")
    options = parser.parse_args(arguments)
    encoder = load_encoder(options.encoder, device="cpu")
    if not isinstance(encoder, CheckpointEncoder):
        parser.exit(1, f"error: {options.encoder} is not an encoder that training made\n")
    collections = collections_in(options.datasets)
    if not all(collections.values()):
        parser.exit(1, f"error: no pictures in {options.datasets}: run python -m benchmarks.datasets first\n")
    figures = {}
    for each in (encoder, load_encoder("color-layout"), untrained(encoder)):
        figures[each.name] = measure(each, collections)
        print(each.name, figures[each.name], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(figures, encoder, collections), encoding="utf-8")
    if options.card:
        write_card(options.card, figures[encoder.name])
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
