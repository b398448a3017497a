"""Choose the cut-points of an encoder, and measure what "very similar" or "weak" is worth on pictures kept apart.

    python -m benchmarks.datasets varied tiny-imagenet clothing clothing-full faces omniglot signatures
    python -m benchmarks.strength --encoder small --write

Collections that the encoder was trained on, as far as its card says, are left out; `--sets` names those to use instead.
`--twin FOLDER` measures the collections with another encoder, made by the same recipe without them: few collections are
left for an encoder that was trained on nearly all.
Prints the cut-points, writes docs/results/strength.md, and with `--write` the cut-points into the encoder's card.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.copy_distances import SAMPLE, Distances
from benchmarks.copy_distances import measure as measure_copies
from benchmarks.held_out import COLLECTIONS, FULL_SIZE, pictures_of, says_classes, trained_on
from benchmarks.strength_choice import Neighbours, copy_cut_point, neighbours, similar_cut_points
from benchmarks.strength_page import Measured, joined, section
from benchmarks.strength_sets import LOOKS, sets_of
from indexer.cli.console import ConsoleProgress
from indexer.evaluation.embed_in_memory import embed_in_memory
from search.config import BuildConfig
from search.encoders import encoder_folder, load_encoder
from search.encoders.card import folder_with_fingerprint, write_card
from search.errors import DataError, TwinlensError
from search.recognition.cut_points import CARD_KEY, STRENGTHS, CutPoints
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.strength_sets import LabelledSet
    from indexer.training.data import Split
    from search.encoders.base import Encoder

ROOT = Path(__file__).resolve().parent.parent
_MUST_BE_FOUND = (
    *(f"crop, {percent} %" for percent in (98, 95, 90)),
    *("shrunk", "JPEG", "blurred", "saturation", "darker", "brighter", "faded", "noise"),
)
"""Alterations of `benchmarks.copy_distances` that a near copy may have: all but mirroring and the largest crop."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Distances of copies and of different pictures; the pictures at even places choose, those at odd ones report."""

    measured: dict[str, Distances]

    def altered(self, half: int) -> dict[str, dict[str, Any]]:
        """By collection and alteration, `(Q,)`: the distance of each altered copy to its original."""
        return {
            title: {name: of[half::2] for name, of in each.copies.items() if name.startswith(_MUST_BE_FOUND)}
            for title, each in self.measured.items()
        }

    def others(self, half: int) -> dict[str, Any]:
        """By collection, `(N,)`: the distance of each picture to the nearest different one."""
        return {title: each.others[half::2] for title, each in self.measured.items()}

    def cut_point(self) -> float:
        """The cut-point of near copies."""
        altered = [np.concatenate(list(of.values())) for of in self.altered(0).values()]
        return copy_cut_point(altered, list(self.others(0).values()))


def measure_sets(
    encoder: Encoder, sets: Sequence[LabelledSet], datasets: Path, limit: int
) -> dict[str, dict[str, Neighbours]]:
    """The neighbours in each collection, by kind and title; one that was trained on is left out, with a line."""
    config = getattr(encoder, "card", {}).get("config")
    if not says_classes(config):
        print("the card does not say what was trained on: name collections that were not, with --sets", file=sys.stderr)
    measured: dict[str, dict[str, Neighbours]] = {}
    for each in sets:
        split = each.pictures(datasets, limit)
        if not split.paths:
            print(f"{each.title}: left out, as it is not unpacked", file=sys.stderr)
        elif trained_on(each.collection, split.paths, datasets, config):
            print(f"{each.title}: left out, as the encoder was trained on it", file=sys.stderr)
        else:
            measured.setdefault(each.kind, {})[each.title] = measure_set(encoder, each.title, split)
    return measured


def measure_set(encoder: Encoder, title: str, split: Split) -> Neighbours:
    """The neighbours in one collection, with progress."""
    start = time.perf_counter()
    with ConsoleProgress() as progress:
        embedded = embed_in_memory(encoder, split.paths, progress=progress)
    if embedded.skipped:
        raise DataError(f"{embedded.skipped[0]}. Unpack the data sets again")
    print(f"{title}: {len(split.paths)} pictures, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return neighbours(embedded.vectors, split.classes)


def measure_altered(encoder: Encoder, datasets: Path, queries: int) -> Copies:
    """Altered copies of the sample collection, and of full-size pictures if they are unpacked."""
    full = next(each for each in COLLECTIONS if each.title == FULL_SIZE)
    collections = {SAMPLE: tuple(sorted((ROOT / "data" / "sample").glob("*/*.jpg")))}
    collections[FULL_SIZE] = pictures_of(full, datasets).paths
    measured = {}
    for title, paths in collections.items():
        if paths:
            start = time.perf_counter()
            measured[title] = measure_copies(encoder, paths, queries)
            print(f"copies of {title}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return Copies(measured)


def chosen_sets(names: Sequence[str], datasets: Path) -> list[LabelledSet]:
    """The collections with these titles, or all.

    Raises:
        DataError: a title is unknown.
    """
    every = sets_of(datasets)
    if unknown := sorted(set(names) - {each.title for each in every}):
        raise DataError(f"no such set: {', '.join(unknown)}. The sets are {', '.join(each.title for each in every)}")
    return [each for each in every if not names or each.title in names]


def choose(sets: dict[str, dict[str, Neighbours]], copies: Copies) -> CutPoints:
    """Cut-points from half of the labels of the photos, and half of the pictures with copies."""
    near_copy = copies.cut_point()
    halves = [of.half(0) for of in sets[LOOKS].values()]
    return CutPoints(near_copy, *similar_cut_points(halves, near_copy))


def entry(points: CutPoints, measured: Measured) -> dict[str, Any]:
    """The entry of the card: the cut-points, and the share of first hits that were right within each."""
    right = {
        word: None if share.right is None else share.right.to_dict()
        for word, share in zip(STRENGTHS, measured.shares[LOOKS], strict=True)
    }
    titles = list(measured.by_set[LOOKS])
    return {**points.to_card(), "right": right, "measured_on": titles, "date": utc_today()}


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Choose the cut-points of an encoder, and measure them.")
    parser.add_argument("--encoder", default=BuildConfig.default_encoder, help="a name, or the folder of an encoder")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--sets", nargs="+", default=(), metavar="TITLE", help="collections to use (those held out)")
    parser.add_argument(
        "--twin", metavar="FOLDER", help="an encoder of the same recipe that saw none of the collections"
    )
    parser.add_argument("--limit", type=int, default=500, help="about how many pictures per collection (500)")
    parser.add_argument("--copies", type=int, default=150, help="number of pictures to alter per collection")
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "strength.md")
    parser.add_argument("--write", action="store_true", help="write the cut-points into the encoder's card")
    return parser.parse_args(arguments)


def command_of(options: argparse.Namespace) -> str:
    """The command that repeats a measurement."""
    words = ["python", "-m", "benchmarks.strength", "--encoder", options.encoder, "--limit", options.limit]
    words += ["--twin", Path(options.twin).name] if options.twin else []
    return shlex.join(map(str, [*words, *(["--sets", *options.sets] if options.sets else [])]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, choose, and write."""
    options, start = options_of(arguments), time.perf_counter()
    try:
        encoder = load_encoder(options.encoder, device=options.device)
        of_sets = load_encoder(options.twin, device=options.device) if options.twin else encoder
        sets = measure_sets(of_sets, chosen_sets(options.sets, options.datasets), options.datasets, options.limit)
        if not sets.get(LOOKS):
            raise DataError(
                f"{options.datasets}: holds no photos to choose by: run python -m benchmarks.datasets first"
            )
        copies = measure_altered(encoder, options.datasets, options.copies)
        points = choose(sets, copies)
        measured = Measured.of(sets, copies.altered(1), copies.others(1), points)
        folder = encoder_folder(options.encoder) or folder_with_fingerprint(encoder.fingerprint)
        if options.write and folder is None:
            raise DataError(f"{options.encoder}: has no card to write to, as it is not saved in a folder")
    except TwinlensError as error:
        sys.exit(f"error: {error}")
    if options.write and folder is not None:
        write_card(folder, **{CARD_KEY: entry(points, measured)})
    minutes = (time.perf_counter() - start) / 60
    text = section(encoder, points, measured, command_of(options), minutes)
    options.out.write_text(joined(options.out, encoder.name, text), encoding="utf-8")
    print(", ".join(f"{word} {edge:.2f}" for word, edge in points.to_card().items()))


if __name__ == "__main__":
    main()
