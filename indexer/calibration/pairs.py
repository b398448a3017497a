"""Pairs of pictures that are known to be same or different, with the subject of each picture."""

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
    """P pairs of rows of a list of pictures; `subject_a` and `subject_b` are any integers, one per subject.

    A subject is a person, a writer or a thing. Intervals resample subjects, and a subject is never on both sides of a
    fold. Two pictures of one subject can be a different pair (a forged signature).
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    subject_a: NDArray[np.int64]
    subject_b: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.a)

    def among(self, rows: NDArray[np.int64], pictures: int) -> Pairs:
        """Keep the pairs whose two pictures are both in `rows`, numbered by their positions in it."""
        place = np.full(pictures, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        a, b = place[self.a], place[self.b]
        kept = (a >= 0) & (b >= 0)
        return Pairs(a[kept], b[kept], self.same[kept], self.subject_a[kept], self.subject_b[kept])

    def measured(self, vectors: Floats) -> MeasuredPairs:
        """Measure the distances between unit rows `(N, D) float32`, and number the subjects from 0."""
        distances = pair_distances(vectors, vectors, self.a, self.b).astype(np.float64)
        names, numbers = np.unique(np.stack([self.subject_a, self.subject_b]), return_inverse=True)
        one, other = numbers.reshape(2, -1).astype(np.int64)
        return MeasuredPairs(distances, self.same, one, other, len(names))


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """Distances in [0, 2], `(P,) float64`, and the two subjects of each pair, from 0 to `subjects` - 1."""

    distances: NDArray[np.float64]
    same: NDArray[np.bool_]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    subjects: int

    def weights(self, drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weight of each pair `(P,)` if each subject was drawn `drawn (subjects,)` times.

        The weight of a pair of two subjects is the product of their counts: every copy of one is paired with every copy
        of the other. The weight of a pair within one subject is its count: copies are not paired with each other.

        Source: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap", CVIU
        93(1), 2004; pairs of two subjects as in Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007.
        """
        times = drawn[self.one] * np.where(self.one == self.other, 1, drawn[self.other])
        return times.astype(np.float64)

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> MeasuredPairs:
        """Keep some pairs, by a mask or in the order of their rows; subjects keep their numbers."""
        return MeasuredPairs(self.distances[kept], self.same[kept], self.one[kept], self.other[kept], self.subjects)
