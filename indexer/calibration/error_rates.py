"""False-accept and false-reject rates of weighted pairs over all thresholds: ROC, EER and AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.recognition.calibration import RateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.pairs import MeasuredPairs

_KNOTS = 160
"""Knots of a rate table for each kind of pair."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Rates `(T,) float64` at the thresholds of an `ErrorRates`; FAR rises, FRR falls, and they cross once.

    False-accept rate: the share of different pairs at or below the threshold. False-reject rate: the share of same
    pairs above it. ROC plots 1 - FRR over FAR; DET plots FRR over FAR, both on normal-deviate axes.
    Source: ISO/IEC 19795-1; Martin et al., "The DET curve in assessment of detection task performance", 1997.
    """

    far: NDArray[np.float64]
    frr: NDArray[np.float64]

    @property
    def eer(self) -> float:
        """Equal error rate: where FAR and FRR cross, interpolated linearly between two thresholds."""
        after = int(np.argmax(self.far >= self.frr))
        gap = self.frr[after] - self.far[after]
        if after == 0:
            return float(self.far[0] + self.frr[0]) / 2
        before = self.frr[after - 1] - self.far[after - 1]
        share = before / (before - gap)
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    @property
    def auc(self) -> float:
        """Probability that a same pair has a smaller distance than a different one; ties count half (Mann-Whitney)."""
        accepted = -np.diff(self.frr, prepend=1.0)
        tied = np.diff(self.far, prepend=0.0)
        return float(np.sum(accepted * (1.0 - self.far + tied / 2)))


class ErrorRates:
    """Sorts pairs once, so that their rates under any weights are two cumulative sums."""

    def __init__(self, pairs: MeasuredPairs) -> None:
        """Sort pairs, at least one same and one different."""
        self.order = {same: _sorted_rows(pairs, same=same) for same in (False, True)}
        self.thresholds: NDArray[np.float64] = np.unique(np.append(pairs.distances, 0.0))
        """`(T,)`, ascending: 0 and every distance. No rate changes between two of them."""
        self.reached = {
            same: np.searchsorted(pairs.distances[rows], self.thresholds, side="right")
            for same, rows in self.order.items()
        }
        """Same or different -> `(T,)`, the number of its pairs at or below each threshold."""

    def curves(self, weights: NDArray[np.float64] | None = None) -> Curves | None:
        """Rates of pairs with weights `(P,)`; None if either kind has no weight."""
        shares = {}
        for same, rows in self.order.items():
            each = np.ones(len(rows)) if weights is None else weights[rows]
            sums = np.concatenate([[0.0], np.cumsum(each)])
            if sums[-1] == 0:
                return None
            shares[same] = sums[self.reached[same]] / sums[-1]
        return Curves(shares[False], 1.0 - shares[True])

    def rate(self, weights: NDArray[np.float64], threshold: int, *, same: bool) -> float | None:
        """Share of the same, or of the different, pairs that a threshold misclassifies; None if they have no weight.

        Args:
            weights: `(P,)`.
            threshold: index into the thresholds; -1 rejects every pair.
            same: which kind of pairs.
        """
        each = weights[self.order[same]]
        total = each.sum()
        if total == 0:
            return None
        under = each[: self.reached[same][threshold] if threshold >= 0 else 0].sum()
        return float((total - under if same else under) / total)

    def knots(self, *kept: int) -> NDArray[np.int64]:
        """Indexes of a few hundred thresholds that represent both curves at small and large FAR, and `kept`."""
        different, same = (self.reached[kind] for kind in (False, True))
        tail, even = np.geomspace(1, different[-1], _KNOTS), np.linspace(1, different[-1], _KNOTS)
        indexes = [np.searchsorted(different, steps) for steps in (tail, even)]
        indexes += [np.searchsorted(same, np.linspace(1, same[-1], _KNOTS)), np.array([0, *kept])]
        return np.unique(np.clip(np.concatenate(indexes), 0, len(self.thresholds) - 1).astype(np.int64))

    def table(self, curves: Curves, knots: NDArray[np.int64]) -> RateTable:
        """The curves at the thresholds `knots`, and at 2, the largest distance."""
        distances, far, frr = (each[knots] for each in (self.thresholds, curves.far, curves.frr))
        if distances[-1] < 2.0:
            distances, far, frr = np.append(distances, 2.0), np.append(far, 1.0), np.append(frr, 0.0)
        return RateTable(tuple(distances.tolist()), tuple(far.tolist()), tuple(frr.tolist()))


def _sorted_rows(pairs: MeasuredPairs, *, same: bool) -> NDArray[np.int64]:
    rows = np.flatnonzero(pairs.same == same)
    ordered: NDArray[np.int64] = rows[np.argsort(pairs.distances[rows], kind="stable")]
    return ordered
