"""Measure how often copies are missed, and how often lookalikes are taken for copies.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.verified_copies --photos .cache/datasets/clothing-full

Writes docs/results/verified_copies.md, the evidence for the limits of `search.comparison.same_pixels` and
`search.comparison.shared_detail`.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.copies_made import (
    COPIES,
    NEAR,
    VARIANTS,
    chat,
    line_art,
    moved,
    next_frame,
    page,
    receipt,
    scene,
)
from search.comparison.same_pixels import is_copy
from search.comparison.shared_detail import shares_detail, sketch_of
from search.pictures.decode import PICTURE_SUFFIXES, load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    Rows = Sequence[tuple[str, Sequence[float]]]

ROOT = Path(__file__).resolve().parent.parent
_FIRST_SEED = 5_000
"""First seed of the drawn pictures, which were not used when the limits were chosen."""


def originals(photos: Sequence[Path], count: int) -> dict[str, list[Image]]:
    """Pictures of several kinds, `count` of each."""
    seeds = range(_FIRST_SEED, _FIRST_SEED + count)
    pictures = {
        "scenes": [scene(seed) for seed in seeds],
        "print": [page(seed) for seed in seeds[: count // 2]],
        "receipts": [receipt(seed) for seed in seeds],
        "screens": [chat(seed) for seed in seeds[: count // 2]],
        "line art": [line_art(seed) for seed in seeds],
    }
    for folder in photos:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
        chosen = np.unique(np.linspace(0, len(paths) - 1, min(2 * count, len(paths))).astype(int)).tolist()
        pictures[f"photos: {folder.name}"] = [load_picture(paths[place]) for place in chosen]
    return pictures


def views(folder: Path, count: int) -> list[tuple[Image, Image]]:
    """Pairs of neighbouring views of one thing, from a folder with one subfolder per thing."""
    pairs = []
    for thing in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(path for path in thing.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        pairs += [(load_picture(a), load_picture(b)) for a, b in itertools.pairwise(paths[:4])]
    step = max(1, len(pairs) // (10 * count))
    return pairs[::step]


def lookalikes(pictures: dict[str, list[Image]], count: int) -> dict[str, list[tuple[Image, Image]]]:
    """Pairs that look similar but are not copies, by their difference."""
    seeds = range(_FIRST_SEED, _FIRST_SEED + count)
    photos = next((of for title, of in pictures.items() if title.startswith("photos")), pictures["scenes"])
    return {
        "print: one word": [(page(seed), page(seed, 12)) for seed in seeds[: count // 2]],
        "receipt: one digit": [(receipt(seed), receipt(seed, 7)) for seed in seeds],
        "faint receipt: one digit": [(receipt(seed, ink=190), receipt(seed, 7, ink=190)) for seed in seeds],
        "screen: one message": [(chat(seed), chat(seed, "see you at nine")) for seed in seeds[: count // 2]],
        "line art: one shape more": [(line_art(seed), line_art(seed, 7)) for seed in seeds],
        "line art: another colour": [(line_art(seed, ink="red"), line_art(seed, ink="green")) for seed in seeds],
        "scene: an object moved by 6 px": [moved(scene(seed), seed, 6) for seed in seeds],
        "scene: a small object moved": [moved(scene(seed), seed, 40, 14) for seed in seeds],
        "burst: 1 px aside": [next_frame(each, seed, 1) for seed, each in enumerate(photos[:count])],
        "burst: 3 px aside": [next_frame(each, seed, 3) for seed, each in enumerate(photos[:count])],
    }


def table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Table of shares in Markdown."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |" for name, shares in rows]
    return "\n".join(lines)


def share(answer: Callable[[Image, Image], bool], pairs: Sequence[tuple[Image, Image]]) -> float:
    """Share of the pairs for which `answer` is true."""
    return float(np.mean([answer(a, b) for a, b in pairs])) if pairs else 0.0


def same_detail(a: Image, b: Image) -> bool:
    """Whether two pictures stay in one group."""
    return shares_detail(sketch_of([a]), sketch_of([b]))


def measure(photos: Sequence[Path], things: Sequence[Path], count: int, command: str) -> str:
    """Measure everything and format the page."""
    pictures = originals(photos, count)
    copies = [
        (each.name, [1 - share(is_copy, [(a, each.alter(a)) for a in of]) for of in pictures.values()])
        for each in COPIES
    ]
    near = [
        (each.name, [share(is_copy, [(a, each.alter(a)) for a in of]) for of in pictures.values()]) for each in NEAR
    ]
    false = [
        (name, [share(is_copy, [(a, each.alter(b)) for a, b in pairs]) for each in VARIANTS])
        for name, pairs in lookalikes(pictures, count).items()
    ]
    for folder in things:
        pairs = views(folder, count)
        shares = [share(is_copy, [(a, each.alter(b)) for a, b in pairs]) for each in VARIANTS]
        false.append((f"{folder.name}: another view ({len(pairs)} pairs)", shares))
    others = {title: list(itertools.combinations(of[:20], 2)) for title, of in pictures.items()}
    grouped = [
        (each.name, [share(same_detail, [(a, each.alter(a)) for a in of]) for of in pictures.values()])
        for each in (*COPIES, *NEAR)
    ]
    grouped.append(("**another picture**", [share(same_detail, pairs) for pairs in others.values()]))
    different = [("another picture", [share(is_copy, pairs) for pairs in others.values()])]
    return _page(command, {title: len(of) for title, of in pictures.items()}, copies, near + different, false, grouped)


def _page(command: str, sizes: dict[str, int], copies: Rows, near: Rows, false: Rows, grouped: Rows) -> str:
    titles = [f"{title} ({size})" for title, size in sizes.items()]
    return f"""# Which copies are recognised

`twinlens duplicates` lists a file as spare only if it is known to be a copy of one that stays: if the embeddings are
near, `search.comparison.same_pixels` compares the pixels. This page shows how often that comparison errs. The drawn
pictures have seeds that were not used when its limits were chosen. Some of the photographs were used, so their figures
are optimistic. The minimum side of 96 pixels was raised after views of one thing at a quarter of the sides (coil100)
had been taken for copies.

    {command}

## Missed copies

The share of copies that are not recognised, by alteration. A missed copy stays on the disk; it is listed as near, not
as spare. Print and line art shrunk to a quarter are missed on purpose: they are no longer legible and cannot be told
from other print. So are pictures that were shrunk below 96 pixels on the shorter side, such as every half and quarter
of a photograph of 160 pixels.

{table(titles, copies)}

## False copies

Near copies and other pictures: the share that is called a copy.

{table(titles, near)}

Pairs that only look like copies, by alteration of the second picture: the share that is called a copy.

{table([each.name for each in VARIANTS], false)}

## Groups

`search.comparison.shared_detail` decides which near pictures stay in a group. The table has the share that stays.
Receipts and screens share their form with all others of their kind.

{table(titles, grouped)}
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, action="append", default=[], help="folder of photographs")
    parser.add_argument("--views", type=Path, action="append", default=[], help="folder with one subfolder per thing")
    parser.add_argument("--count", type=int, default=30, help="pictures of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "verified_copies.md")
    given = parser.parse_args()
    folders = [
        *(f"--photos .../{path.name}" for path in given.photos),
        *(f"--views .../{path.name}" for path in given.views),
    ]
    command = " ".join(["python -m benchmarks.verified_copies", *folders, f"--count {given.count}"])
    given.out.write_text(measure(given.photos, given.views, given.count, command), encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
