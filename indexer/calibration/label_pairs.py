"""Pairs from labels: two pictures of one label are the same, of two labels different."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.pairs import Pairs
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LISTED = 4_000_000
"""Pairs of groups up to which all of them are listed; of more, some are drawn."""


def pairs_of_labels(labels: Sequence[str], subjects: Sequence[str], most: int, seed: int) -> Pairs:
    """All pairs of pictures, or at most `most` same and `most` different ones.

    A sample is even over the groups of pictures (those of one label and one subject) that meet: each pair of groups
    gives as many pairs of pictures, as far as it has them. So a subject with many pictures does not outweigh the
    others, and two labels of one subject, the hard ones, are always among the different pairs where all are taken.

    Args:
        labels: what each picture shows.
        subjects: whom or what it is of; two labels of one subject are different pairs too.
        most: bound on either kind.
        seed: of the sample.

    Raises:
        DataError: pictures and labels of different number.
    """
    if len(labels) != len(subjects):
        raise DataError(f"{len(labels)} labels and {len(subjects)} subjects do not match")
    random = np.random.default_rng(seed)
    label_of, subject_of = _numbers(labels), _numbers(subjects)
    kinds, group_of = np.unique(np.stack([label_of, subject_of]), axis=1, return_inverse=True)
    members = [np.flatnonzero(group_of.ravel() == number) for number in range(kinds.shape[1])]
    one, other = _meetings(kinds[0], most, random)
    same = kinds[0][one] == kinds[0][other]
    found = [_drawn(members, one[same == kind], other[same == kind], most, random) for kind in (True, False)]
    a, b = (np.concatenate([each[side] for each in found]) for side in (0, 1))
    truth = np.repeat([True, False], [len(each[0]) for each in found])
    return Pairs(a, b, truth, subject_of[a], subject_of[b])


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    number = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _meetings(
    label_of: NDArray[np.int64], most: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of groups, each with itself too: all of them, or those of one label and enough drawn others."""
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
    """Pairs of pictures `(a, b)` from pairs of groups: all of them, or evenly many from each."""
    size = np.array([len(group) for group in members], dtype=np.int64)
    there = np.where(one == other, size[one] * (size[one] - 1) // 2, size[one] * size[other])
    one, other, there = one[there > 0], other[there > 0], there[there > 0]
    if len(one) > most:
        kept = random.choice(len(one), most, replace=False)
        one, other, there = one[kept], other[kept], there[kept]
    wanted = _shares(there, most)
    a, b = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for first, second, total, count in zip(one.tolist(), other.tolist(), there.tolist(), wanted.tolist(), strict=True):
        places = np.arange(total) if count == total else random.choice(total, count, replace=False)
        if first == second:
            rows, columns = _triangle(places)
        else:
            rows, columns = places // len(members[second]), places % len(members[second])
        a.append(members[first][rows])
        b.append(members[second][columns])
    return np.concatenate(a), np.concatenate(b)


def _shares(there: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """How many of each to take, at most `most` in all: as even as they allow, small ones whole."""
    if there.sum() <= most:
        return there
    order = np.argsort(there, kind="stable")
    sums = np.concatenate([[0], np.cumsum(there[order])[:-1]])
    level = (most - sums) // np.arange(len(there), 0, -1)
    cut = int(np.argmax(there[order] > level))
    wanted: NDArray[np.int64] = np.minimum(there, level[cut])
    return wanted


def _triangle(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place n of the pairs (1, 0), (2, 0), (2, 1), (3, 0), ... as rows and columns."""
    rows = ((1 + np.sqrt(1 + 8 * places.astype(np.float64))) // 2).astype(np.int64)
    rows -= rows * (rows - 1) // 2 > places
    rows += (rows + 1) * rows // 2 <= places
    return rows, places - rows * (rows - 1) // 2
