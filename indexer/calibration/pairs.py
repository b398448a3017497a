"""Pairs of pictures known to show the same thing or different ones, each side with its subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.distance import pair_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Pairs:
    """P pairs of rows of a list of pictures; `subject_a` and `subject_b` count from 0, or any other whole numbers.

    A subject is what is drawn when intervals are made and what never stands on both sides of a fold: a person, a
    writer, a thing. Two pictures of one subject may yet be a different pair (a forgery of a signature).
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    subject_a: NDArray[np.int64]
    subject_b: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.a)

    def among(self, rows: NDArray[np.int64], pictures: int) -> Pairs:
        """Keep the pairs of which both pictures are in `rows`, numbered by their place there."""
        place = np.full(pictures, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        a, b = place[self.a], place[self.b]
        kept = (a >= 0) & (b >= 0)
        return Pairs(a[kept], b[kept], self.same[kept], self.subject_a[kept], self.subject_b[kept])

    def measured(self, vectors: Floats) -> MeasuredPairs:
        """Take the distances between unit rows `(N, D) float32`, and number the subjects from 0."""
        distances = pair_distances(vectors, vectors, self.a, self.b).astype(np.float64)
        names, numbers = np.unique(np.stack([self.subject_a, self.subject_b]), return_inverse=True)
        one, other = numbers.reshape(2, -1).astype(np.int64)
        return MeasuredPairs(distances, self.same, one, other, len(names))


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """Distances in [0, 2] `(P,) float64` of pairs, and the subjects of each, from 0 to `subjects` - 1."""

    distances: NDArray[np.float64]
    same: NDArray[np.bool_]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    subjects: int

    def weights(self, drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each pair counts `(P,)` where each subject was drawn so many times `(subjects,)`.

        A pair of two subjects counts as often as both were drawn, multiplied: every copy of the one meets every copy
        of the other. A pair within one subject counts as often as it was drawn: copies are not paired with each other.

        Source: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap", CVIU
        93(1), 2004; pairs of two subjects as in Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007.
        """
        times = drawn[self.one] * np.where(self.one == self.other, 1, drawn[self.other])
        return times.astype(np.float64)

    def take(self, kept: NDArray[np.bool_]) -> MeasuredPairs:
        """Keep some pairs; subjects keep their numbers."""
        return MeasuredPairs(self.distances[kept], self.same[kept], self.one[kept], self.other[kept], self.subjects)
