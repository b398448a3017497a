"""Measure how well distances separate pairs of the same class from pairs of different classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.types import Floats

_PICTURES = 2000
_PAIRS = 200_000
_BINS = 80


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distances of pairs of pictures, Euclidean between unit vectors, in [0, 2]."""

    same: NDArray[np.float64]
    different: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Area under the ROC curve: the chance that a same pair is nearer than a different one, ties counting half.

        U / (S D), with U the Mann-Whitney statistic of S same and D different pairs.
        """
        ranked = np.sort(self.different)
        farther = len(ranked) - np.searchsorted(ranked, self.same, side="right")
        tied = np.searchsorted(ranked, self.same, side="right") - np.searchsorted(ranked, self.same, side="left")
        return float((farther + tied / 2).mean() / len(ranked))

    def equal_error(self) -> tuple[float, float]:
        """Equal error rate, and the threshold at which it is reached.

        A pair is accepted if its distance is at most a threshold t. FRR(t) is the share of same pairs beyond t, FAR(t)
        the share of different pairs up to t. The rate is the mean of the two at the distance t where they differ
        least.
        """
        same, different = np.sort(self.same), np.sort(self.different)
        thresholds = np.concatenate([same, different])
        refused = 1 - np.searchsorted(same, thresholds, side="right") / len(same)
        accepted = np.searchsorted(different, thresholds, side="right") / len(different)
        best = int(np.abs(refused - accepted).argmin())
        return float(refused[best] + accepted[best]) / 2, float(thresholds[best])

    def histograms(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Densities of same and of different pairs, `(B,)`, and the edges `(B + 1,)` of their common bins."""
        low = float(min(self.same.min(), self.different.min()))
        high = max(float(max(self.same.max(), self.different.max())), low + 1e-3)
        edges = np.linspace(low, high, _BINS + 1)
        same, different = (np.histogram(each, edges, density=True)[0] for each in (self.same, self.different))
        return same, different, edges

    @property
    def overlap(self) -> float:
        """Area that the two histograms share, in [0, 1]: the sum of min(same, different) times the width of a bin.

        Source: Inman and Bradley, "The overlapping coefficient", Communications in Statistics 18, 1989.
        """
        same, different, edges = self.histograms()
        return float((np.minimum(same, different) * np.diff(edges)).sum())


def pairs(vectors: Floats, labels: Sequence[str | None], seed: int = 0) -> Pairs | None:
    """Distances of pairs of unit rows `(N, D)`; None if there are no same pairs, or no different ones.

    Uses all pairs of the labelled pictures, or a random sample of 2,000 pictures and 200,000 pairs of each kind.
    """
    generator = np.random.default_rng(seed)
    names = np.array([label or "" for label in labels])
    rows = np.flatnonzero([label is not None for label in labels])
    if len(rows) > _PICTURES:
        rows = np.sort(generator.choice(rows, _PICTURES, replace=False))
    _, codes = np.unique(names[rows], return_inverse=True)
    first, second = np.triu_indices(len(rows), k=1)
    same = codes[first] == codes[second]
    if not same.any() or same.all():
        return None
    chosen = vectors[rows].astype(np.float64)
    distances = np.sqrt(np.maximum(0.0, 2 - 2 * (chosen @ chosen.T)[first, second]))
    return Pairs(_drawn(distances[same], generator), _drawn(distances[~same], generator))


def _drawn(distances: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    return distances if len(distances) <= _PAIRS else generator.choice(distances, _PAIRS, replace=False)
