"""Measure how much liked and disliked hits improve the next hits of a query.

    python -m benchmarks.datasets varied tiny-imagenet clothing
    python -m benchmarks.feedback --twin FOLDER

Every picture is a query. A simulated user looks at its first 10 hits, likes up to 3 of the query's label and dislikes
up to 3 others, the nearest first. The next 10 hits are those that the user has not seen: with feedback, of the query
that `search.query.feedback` moved; without it, those that follow. The weights are compared on the validation classes;
docs/results/feedback.md has the figures of other classes. `--twin` embeds the varied sets with an encoder of the same
recipe that was trained without the eight sets that are used here.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.feedback_page import Measured, page
from benchmarks.held_out import COLLECTIONS, PHOTOS, Collection
from benchmarks.strength_sets import LOOKS, VARIED, LabelledSet
from indexer.cli.console import ConsoleProgress
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.training.recipes.small import VALIDATION
from search.config import BuildConfig, QueryConfig
from search.encoders import load_encoder
from search.errors import DataError, TwinlensError
from search.query.feedback import moved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.encoders.base import Encoder
    from search.types import Floats

ROOT = Path(__file__).resolve().parent.parent
SEEN = 10
"""Hits that the user looks at, and hits that are judged after that."""
RATED = 3
"""Liked pictures at most, and disliked ones."""
USERS = ((3, 3), (3, 0), (1, 1), (1, 0), (0, 3), (0, 1))
"""How many pictures users like and dislike at most, for whom the weights are compared."""
LIKED_WEIGHTS, DISLIKED_WEIGHTS = (0.25, 0.5, 0.75, 1.0, 2.0), (0.0, 0.15, 0.25, 0.5, 0.75)
_CHOOSING = ("aid30", "food101", "landmarks13", "smvs_dvd")
_REPORTED = ("dtd10", "instruments30", "pets37", "sneakers50")
_PER_SET = 200
_PER_COLLECTION = 400
_CLOTHES = "clothes, test split"


@dataclass(frozen=True, slots=True)
class Vectors:
    """The embedded pictures of one collection."""

    title: str
    vectors: Floats
    """`(N, D)` unit rows."""
    classes: NDArray[np.int64]
    """`(N,)` the label of each."""


def collections(datasets: Path, *, reported: bool) -> dict[str, list[LabelledSet]]:
    """The sets of each collection, by its title: those that are reported, or those that the weights are compared on."""
    held_out = {each.title: each for each in COLLECTIONS}
    photos = tuple(f"tiny-imagenet/train/{wnid}/*" for wnid in VALIDATION)
    single = {
        PHOTOS if reported else "photos, 10 validation classes": (held_out[PHOTOS].patterns if reported else photos),
        _CLOTHES if reported else "clothes, validation split": (
            held_out[_CLOTHES].patterns if reported else ("clothing/validation/*/*",)
        ),
    }
    names = _REPORTED if reported else _CHOOSING
    several = [LabelledSet(LOOKS, Collection(name, (f"{VARIED}/{name}/*/*",))) for name in names]
    made = {title: [LabelledSet(LOOKS, Collection(title, patterns))] for title, patterns in single.items()}
    return {**made, f"varied: {', '.join(names)}": several}


def embedded(encoder: Encoder, title: str, sets: Sequence[LabelledSet], datasets: Path) -> Vectors:
    """Embed a collection of several sets, whose labels differ.

    Raises:
        DataError: a set is not unpacked, or a picture cannot be read.
    """
    paths: list[Path] = []
    labels: list[str] = []
    for each in sets:
        split = each.pictures(datasets, _PER_SET if len(sets) > 1 else _PER_COLLECTION)
        if not split.paths:
            raise DataError(f"{datasets}: lacks {each.title}: run python -m benchmarks.datasets first")
        paths += split.paths
        labels += [f"{each.title}/{split.names[number]}" for number in split.classes]
    with ConsoleProgress() as progress:
        result = embed_in_memory(encoder, paths, progress=progress)
    if result.skipped:
        raise DataError(f"{result.skipped[0]}. Unpack the data sets again")
    print(f"{title}: {len(paths)} pictures", file=sys.stderr, flush=True)
    return Vectors(title, result.vectors, np.unique(labels, return_inverse=True)[1].astype(np.int64))


def simulate(
    of: Vectors,
    likes: int = RATED,
    dislikes: int = RATED,
    liked_weight: float = QueryConfig.liked_weight,
    disliked_weight: float = QueryConfig.disliked_weight,
) -> Measured:
    """The next hits of every query with and without feedback; queries without a further right picture are left out."""
    similarity = of.vectors @ of.vectors.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")
    queries, before, after = [], [], []
    for row in range(len(of.vectors)):
        right = of.classes == of.classes[row]
        seen = order[row, :SEEN]
        if right.sum() - 1 <= right[seen].sum():
            continue
        liked, disliked = seen[right[seen]][:likes], seen[~right[seen]][:dislikes]
        query = moved(
            of.vectors[row],
            of.vectors[liked],
            of.vectors[disliked],
            liked_weight=liked_weight,
            disliked_weight=disliked_weight,
        )
        again = of.vectors @ query
        again[[row, *seen]] = -np.inf
        queries.append(row)
        before.append(right[order[row, SEEN : 2 * SEEN]])
        after.append(right[np.argsort(-again, kind="stable")[:SEEN]])
    return Measured(of.title, len(of.vectors), of.classes[queries], np.array(before), np.array(after))


def gain(sets: Sequence[Vectors], users: Sequence[tuple[int, int]], liked: float, disliked: float) -> float:
    """Mean rise of the precision at 10, over users and collections with equal weight."""
    rises = [simulate(each, *user, liked, disliked).gain for each in sets for user in users]
    return float(np.mean(rises))


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure what liked and disliked hits are worth.")
    parser.add_argument("--encoder", default=BuildConfig.default_encoder, help="a name, or the folder of an encoder")
    parser.add_argument("--twin", metavar="FOLDER", help="an encoder for the varied sets, which saw none of them")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "feedback.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    options, start = options_of(arguments), time.perf_counter()
    try:
        encoder = load_encoder(options.encoder, device="cpu")
        twin = load_encoder(options.twin, device="cpu") if options.twin else encoder
        choosing, reported = (
            [
                embedded(twin if title.startswith(VARIED) else encoder, title, sets, options.datasets)
                for title, sets in collections(options.datasets, reported=kept_apart).items()
            ]
            for kept_apart in (False, True)
        )
    except TwinlensError as error:
        sys.exit(f"error: {error}")
    everyday = {
        (liked, disliked): gain(choosing, [(RATED, RATED)], liked, disliked)
        for liked in LIKED_WEIGHTS
        for disliked in DISLIKED_WEIGHTS
    }
    users = {
        user: {weight: gain(choosing, [user], QueryConfig.liked_weight, weight) for weight in DISLIKED_WEIGHTS}
        for user in USERS
    }
    words = ["python", "-m", "benchmarks.feedback"]
    words += ["--encoder", options.encoder] if options.encoder != BuildConfig.default_encoder else []
    words += ["--twin", Path(options.twin).name] if options.twin else []
    minutes = (time.perf_counter() - start) / 60
    text = page(
        shlex.join(words), minutes, encoder.name, twin.name, [simulate(each) for each in reported], everyday, users
    )
    options.out.write_text(text, encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
