"""Make pairs from labels: two pictures with one label are a same pair, with two labels a different pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.pairs import Pairs
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LISTED = 4_000_000
"""Largest number of pairs of groups that are all listed; above it, some are drawn."""


def pairs_of_labels(labels: Sequence[str], subjects: Sequence[str], most: int, seed: int) -> Pairs:
    """All pairs of pictures, or at most `most` same and `most` different ones.

    A group is the pictures of one label and one subject. A sample is even over the pairs of groups: each gives the
    same number of pairs of pictures, as far as it has them. This way a subject with many pictures does not outweigh
    the others. As long as all pairs of groups are used, the sample includes the hard different pairs: two labels of
    one subject.

    Args:
        labels: the label of each picture.
        subjects: the subject of each picture; two labels of one subject are different pairs too.
        most: largest number of pairs of each kind.
        seed: random seed of the sample.

    Raises:
        DataError: different numbers of labels and subjects.
    """
    if len(labels) != len(subjects):
        raise DataError(f"{len(labels)} labels and {len(subjects)} subjects do not match")
    random = np.random.default_rng(seed)
    label_of, subject_of = _numbers(labels), _numbers(subjects)
    kinds, group_of = np.unique(np.stack([label_of, subject_of]), axis=1, return_inverse=True)
    members = [np.flatnonzero(group_of.ravel() == number) for number in range(kinds.shape[1])]
    one, other = _pairs_of_groups(kinds[0], most, random)
    same = kinds[0][one] == kinds[0][other]
    drawn = [_drawn(members, one[same == kind], other[same == kind], most, random) for kind in (True, False)]
    a, b = (np.concatenate([each[side] for each in drawn]) for side in (0, 1))
    truth = np.repeat([True, False], [len(each[0]) for each in drawn])
    return Pairs(a, b, truth, subject_of[a], subject_of[b])


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    number = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _pairs_of_groups(
    label_of: NDArray[np.int64], most: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of groups, including each with itself: all of them, or those of one label and a sample of the others."""
    groups = len(label_of)
    if groups * (groups + 1) // 2 <= _LISTED:
        one, other = np.triu_indices(groups)
        return one.astype(np.int64), other.astype(np.int64)
    order = np.argsort(label_of, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(label_of[order])) + 1)
    alike = [np.stack(np.triu_indices(len(run))) for run in runs]
    kept = np.concatenate([run[pair] for run, pair in zip(runs, alike, strict=True)], axis=1)
    drawn = np.sort(random.integers(groups, size=(2, 2 * most)), axis=0)
    drawn = drawn[:, label_of[drawn[0]] != label_of[drawn[1]]]
    code = np.unique(drawn[0] * groups + drawn[1])
    if len(code) > most:
        code = random.choice(code, most, replace=False)
    both = np.concatenate([kept, np.stack([code // groups, code % groups])], axis=1)
    return both[0].astype(np.int64), both[1].astype(np.int64)


def _drawn(
    members: list[NDArray[np.int64]],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    most: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of pictures `(a, b)` from pairs of groups: all of them, or an even number from each."""
    size = np.array([len(group) for group in members], dtype=np.int64)
    available = np.where(one == other, size[one] * (size[one] - 1) // 2, size[one] * size[other])
    one, other, available = one[available > 0], other[available > 0], available[available > 0]
    if len(one) > most:
        kept = random.choice(len(one), most, replace=False)
        one, other, available = one[kept], other[kept], available[kept]
    shares = _shares(available, most)
    a, b = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for first, second, total, count in zip(*(each.tolist() for each in (one, other, available, shares)), strict=True):
        places = np.arange(total) if count == total else random.choice(total, count, replace=False)
        if first == second:
            rows, columns = _triangle(places)
        else:
            rows, columns = places // len(members[second]), places % len(members[second])
        a.append(members[first][rows])
        b.append(members[second][columns])
    return np.concatenate(a), np.concatenate(b)


def _shares(available: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """How many to take of each, at most `most` in total, as evenly as possible."""
    if available.sum() <= most:
        return available
    order = np.argsort(available, kind="stable")
    sums = np.concatenate([[0], np.cumsum(available[order])[:-1]])
    level = (most - sums) // np.arange(len(available), 0, -1)
    cut = int(np.argmax(available[order] > level))
    shares: NDArray[np.int64] = np.minimum(available, level[cut])
    return shares


def _triangle(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Convert positions in the list (1, 0), (2, 0), (2, 1), (3, 0), ... to rows and columns."""
    rows = ((1 + np.sqrt(1 + 8 * places.astype(np.float64))) // 2).astype(np.int64)
    rows -= rows * (rows - 1) // 2 > places
    rows += (rows + 1) * rows // 2 <= places
    return rows, places - rows * (rows - 1) // 2
