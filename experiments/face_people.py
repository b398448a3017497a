"""The people of the face pictures: who is for training, validation and test, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class People:
    """Sorted pictures of people: paths, the person in each, and its number among that person's pictures, all `(N,)`."""

    paths: list[Path]
    people: NDArray[np.int64]
    shots: NDArray[np.int64]


def split_people(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Names for training, validation and test, shuffled by a fixed seed: 14, 6 and 20 of 40."""
    names = sorted((path.name for path in folder.iterdir() if path.is_dir()), key=lambda name: int(name[1:]))
    shuffled = [names[place] for place in np.random.default_rng(2026).permutation(len(names))]
    test, watched = len(names) // 2, round(0.15 * len(names))
    return shuffled[test + watched :], shuffled[test : test + watched], shuffled[:test]


def people_of(folder: Path, names: Sequence[str]) -> People:
    """List the pictures of people, the same number of each."""
    every = [sorted((folder / name).glob("*.png"), key=lambda path: int(path.stem)) for name in sorted(names)]
    each = min(len(paths) for paths in every)
    return People(
        [path for paths in every for path in paths[:each]],
        np.repeat(np.arange(len(every)), each),
        np.tile(np.arange(each), len(every)),
    )
