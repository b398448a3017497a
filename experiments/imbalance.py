"""Draw a collection in which some classes have only a few examples, and measure predictions on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.encoders.preprocessing import squash
from search.errors import DataError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """Training pictures `(N, S, S, 3) uint8` and classes `(N,)`, queries `(Q, ...)`, and the numbers of cut classes."""

    squares: NDArray[np.uint8]
    classes: NDArray[np.int64]
    queries: NDArray[np.uint8]
    query_classes: NDArray[np.int64]
    cut: NDArray[np.int64]


def draw_imbalanced(
    train: Sequence[Path], test: Sequence[Path], *, examples: int, few: int, queries: int, size: int, seed: int
) -> Imbalanced:
    """Cut a random half of the classes, and draw pictures of each: `few` of a cut class, `examples` of the others.

    Args:
        train: folders of the classes' training pictures.
        test: folders of the same classes' query pictures, in the same order; they may be the same folders.
        examples: training pictures of a class that is not cut.
        few: training pictures of a cut class.
        queries: queries of each class.
        size: side in pixels.
        seed: random seed.

    Raises:
        DataError: a folder with too few pictures.
    """
    random = np.random.default_rng(seed)
    cut = np.sort(random.permutation(len(train))[: len(train) // 2])
    learnt, drawn = [], []
    for number, (folder, other) in enumerate(zip(train, test, strict=True)):
        paths = _shuffled(folder, random)
        count = few if number in cut else examples
        left = paths[examples:] if folder == other else _shuffled(other, random)
        if len(paths) < examples or len(left) < queries:
            raise DataError(
                f"{folder}: {len(paths)} pictures are too few for {examples} examples and {queries} queries"
            )
        learnt += [(path, number) for path in paths[:count]]
        drawn += [(path, number) for path in left[:queries]]
    return Imbalanced(*_decoded(learnt, size), *_decoded(drawn, size), cut)


def nearest_scores(
    examples: Floats, classes: NDArray[np.int64], queries: Floats, *, temperature: float
) -> NDArray[np.float64]:
    """Class scores `(Q, C)`: the softmax over classes of the largest cosine to an example of each, over `temperature`.

    The largest score is that of the nearest example's class: 1-NN, in a form that can be averaged with probabilities.
    """
    cosines = queries.astype(np.float64) @ examples.astype(np.float64).T
    best = np.stack([cosines[:, classes == number].max(axis=1) for number in range(int(classes.max()) + 1)], axis=1)
    return softmax(best / temperature)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that add up to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def accuracies(scores: NDArray[np.float64], of: Imbalanced) -> dict[str, float]:
    """Accuracy on `all` queries, on those of `cut` classes, and on those of `full` ones."""
    right = scores.argmax(axis=1) == of.query_classes
    in_cut = np.isin(of.query_classes, of.cut)
    return {
        "all": float(right.mean()),
        "cut": float(right[in_cut].mean()),
        "full": float(right[~in_cut].mean()),
    }


def _shuffled(folder: Path, random: np.random.Generator) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    return [paths[place] for place in random.permutation(len(paths))]


def _decoded(pictures: Sequence[tuple[Path, int]], size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    squares = np.stack([squash(load_picture(path, target=size), size) for path, _ in pictures])
    return squares, np.array([number for _, number in pictures], dtype=np.int64)
