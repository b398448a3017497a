"""A collection of which some classes have only a few examples, and what three ways of answering make of it."""

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
    """Squares `(N, S, S, 3) uint8`, classes `(N,)` to learn from, others to ask about, and the classes that are cut."""

    squares: NDArray[np.uint8]
    classes: NDArray[np.int64]
    asked: NDArray[np.uint8]
    asked_classes: NDArray[np.int64]
    cut: NDArray[np.int64]


def draw_imbalanced(
    train: Sequence[Path], test: Sequence[Path], *, examples: int, few: int, asked: int, size: int, seed: int
) -> Imbalanced:
    """Draw classes to cut, half of all, and pictures of each: `few` of a cut class, `examples` of another.

    Args:
        train: a folder a class.
        test: those of the same classes, in the same order; where they are the same folders, other pictures are drawn.
        examples: of a class that is not cut.
        few: of one that is.
        asked: pictures of each class to be told.
        size: side in pixels.
        seed: of all draws.

    Raises:
        DataError: a folder with too few pictures.
    """
    random = np.random.default_rng(seed)
    cut = np.sort(random.permutation(len(train))[: len(train) // 2])
    learnt, questions = [], []
    for number, (folder, other) in enumerate(zip(train, test, strict=True)):
        paths = _shuffled(folder, random)
        wanted = few if number in cut else examples
        left = paths[examples:] if folder == other else _shuffled(other, random)
        if len(paths) < examples or len(left) < asked:
            raise DataError(f"{folder}: {len(paths)} pictures are too few to learn from {examples} and ask {asked}")
        learnt += [(path, number) for path in paths[:wanted]]
        questions += [(path, number) for path in left[:asked]]
    return Imbalanced(*_decoded(learnt, size), *_decoded(questions, size), cut)


def nearest_scores(
    examples: Floats, classes: NDArray[np.int64], asked: Floats, *, temperature: float
) -> NDArray[np.float64]:
    """Class scores `(Q, C)`: the softmax over classes of the largest cosine to an example of each, over `temperature`.

    Its largest entry is the class of the nearest example: 1-NN, in a form that can be averaged with probabilities.
    """
    cosines = asked.astype(np.float64) @ examples.astype(np.float64).T
    best = np.stack([cosines[:, classes == number].max(axis=1) for number in range(int(classes.max()) + 1)], axis=1)
    return softmax(best / temperature)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that add up to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def accuracies(scores: NDArray[np.float64], of: Imbalanced) -> dict[str, float]:
    """Share told right among `all` pictures asked, those of `cut` classes, and those of `full` ones."""
    right = scores.argmax(axis=1) == of.asked_classes
    in_cut = np.isin(of.asked_classes, of.cut)
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
