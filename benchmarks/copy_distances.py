"""Measure the distances of altered copies to their originals, and of different pictures to each other.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.copy_distances

Writes docs/results/copy_distances.md, the evidence for `DuplicatesConfig.default_threshold`.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.held_out import COLLECTIONS, FULL_SIZE, PHOTOS, pictures_of
from indexer.alterations import ALTERATIONS, Alteration, crop
from indexer.evaluation.embed_in_memory import embed_in_memory
from search.chunks import chunks
from search.config import BuildConfig, DuplicatesConfig
from search.encoders import load_encoder
from search.errors import DataError
from search.indexes import index_class
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.encoders.base import Encoder
    from search.types import Floats

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = "sample collection"
THRESHOLDS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50)
_STRENGTHS = {
    "crop": {"85 % of each side"},
    "shrunk, enlarged": {"1/2 of each side", "1/4 of each side"},
    "JPEG": {"quality 50", "quality 20"},
    "JPEG, quality 20": {"1/2 of each side", "1/4 of each side"},
    "blurred": {"by 1 % of the side"},
    "saturation": {"50 %"},
    "darker": {"to 70 %"},
    "brighter": {"to 130 %"},
    "faded": {"a little"},
    "noise": {"10 of 255"},
    "mirrored": {"left and right"},
}
ALTERED = (
    *(Alteration("crop", f"{percent} % of each side", partial(crop, percent=percent)) for percent in (98, 95, 90)),
    *(each for each in ALTERATIONS if each.strength in _STRENGTHS.get(each.kind, ())),
)
"""Usual alterations of copies. Mirrored copies are measured too, but do not have to be found."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances in one collection."""

    pictures: int
    altered: int
    copies: dict[str, NDArray[np.float32]]
    """By alteration, `(Q,)`: the distance of each altered copy to its original."""
    others: NDArray[np.float32]
    """`(N,)`: the distance of each picture to the nearest different one."""


def measure(encoder: Encoder, paths: Sequence[Path], queries: int) -> Distances:
    """Embed a collection, and altered copies of `queries` of its pictures, evenly spread."""
    embedded = embed_in_memory(encoder, paths)
    if embedded.skipped:
        raise DataError(f"{embedded.skipped[0]}. Unpack the data sets again")
    vectors = embedded.vectors
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(queries, len(vectors))).astype(np.int64))
    copies: dict[str, list[Floats]] = {each.name: [] for each in ALTERED}
    with ThreadPoolExecutor(BuildConfig.workers) as pool:
        for rows in chunks(chosen, _BATCH):
            images = [load_picture(paths[row]) for row in rows.tolist()]
            for each in ALTERED:
                prepared = pool.map(lambda image, alter=each.alter: encoder.prepare(alter(image)), images)
                moved = encoder.encode_prepared(np.stack(list(prepared))) - vectors[rows]
                copies[each.name].append(np.linalg.norm(moved, axis=1))
    nearest = index_class("flat")().build(vectors).search(vectors, 2)[0][:, 1]
    return Distances(
        len(vectors), len(chosen), {name: np.concatenate(parts) for name, parts in copies.items()}, nearest
    )


def page(encoder: Encoder, measured: dict[str, Distances], command: str) -> str:
    """The results in Markdown."""
    parts = [
        f"""# Which distance means a copy

How far altered copies are from their originals with the encoder `{encoder.name}`, and how close *different* pictures
of a collection are to each other. `twinlens duplicates` uses {DuplicatesConfig.default_threshold:g} if the index is not
calibrated, its encoder has no cut-points, and no threshold is given.

    {command}

The columns are distances. A row has the share of altered copies that are at most this far from their original. The last
row, "another picture", has the share of pictures with a different picture that close. This is the cost of a threshold.
It includes pictures of one thing from nearly the same side, of which some collections have many.
"""
    ]
    head = "| | median | 95 % | " + " | ".join(f"{threshold:.2f}" for threshold in THRESHOLDS) + " |"
    for title, of in measured.items():
        lines = [_line(name, distances) for name, distances in of.copies.items()]
        lines.append(_line("**another picture**", of.others))
        lines.append(f"\nNearest pair of different pictures: {of.others.min():.4f}.")
        about = f"## {title}: {of.pictures:,} pictures, {of.altered:,} altered"
        parts.append("\n".join([about, "", head, "|---" * (3 + len(THRESHOLDS)) + "|", *lines, ""]))
    return "\n".join(parts)


def _line(name: str, distances: NDArray[np.float32]) -> str:
    shares = [f"{(distances <= threshold).mean():.1%}" for threshold in THRESHOLDS]
    return f"| {name} | {np.median(distances):.3f} | {np.quantile(distances, 0.95):.3f} | " + " | ".join(shares) + " |"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--encoder", default="small", help="the encoder to measure (small)")
    parser.add_argument("--queries", type=int, default=300, help="number of pictures to alter per collection")
    parser.add_argument("--limit", type=int, default=1_000_000, help="largest number of pictures per collection")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "copy_distances.md")
    given = parser.parse_args()
    collections = {SAMPLE: tuple(sorted((ROOT / "data" / "sample").glob("*/*.jpg")))}
    for each in COLLECTIONS:
        if each.title in (PHOTOS, FULL_SIZE):
            collections[each.title] = pictures_of(each, given.datasets, given.limit).paths
    encoder = load_encoder(given.encoder, device="cpu")
    measured = {title: measure(encoder, paths, given.queries) for title, paths in collections.items() if paths}
    command = f"python -m benchmarks.copy_distances --encoder {given.encoder} --queries {given.queries}"
    given.out.write_text(page(encoder, measured, command), encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
