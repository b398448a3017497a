"""False accepts and false rejects over all thresholds: ROC, EER and AUC of pairs, each with a weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.recognition.calibration import RateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.pairs import MeasuredPairs

_KNOTS = 160
"""Knots of a table for each kind of pair."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Rates `(T,) float64` at the thresholds of an `ErrorRates`; they do not cross but once.

    False-accept rate: the share of different pairs at or under the threshold. False-reject rate: the share of same
    pairs above it. ROC draws 1 - FRR over FAR; DET draws FRR over FAR, both on normal-deviate axes.
    Source: ISO/IEC 19795-1; Martin et al., "The DET curve in assessment of detection task performance", 1997.
    """

    far: NDArray[np.float64]
    frr: NDArray[np.float64]

    @property
    def eer(self) -> float:
        """Equal error rate: where FAR and FRR cross, on a straight line between the two thresholds around it."""
        after = int(np.argmax(self.far >= self.frr))
        gap = self.frr[after] - self.far[after]
        if after == 0:
            return float(self.far[0] + self.frr[0]) / 2
        before = self.frr[after - 1] - self.far[after - 1]
        share = before / (before - gap)
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    @property
    def auc(self) -> float:
        """Chance that a same pair is nearer than a different one, half of it where they are as near (Mann-Whitney)."""
        accepted = -np.diff(self.frr, prepend=1.0)
        met = np.diff(self.far, prepend=0.0)
        return float(np.sum(accepted * (1.0 - self.far + met / 2)))


class ErrorRates:
    """Sorts pairs once, so that their rates under any weights are two running sums."""

    def __init__(self, pairs: MeasuredPairs) -> None:
        """Take pairs with at least one same and one different among them."""
        self.order = {same: _sorted_rows(pairs, same=same) for same in (False, True)}
        self.thresholds: NDArray[np.float64] = np.unique(np.append(pairs.distances, 0.0))
        """`(T,)`, rising: 0 and every distance. Between two of them no rate changes."""
        self.reached = {
            same: np.searchsorted(pairs.distances[rows], self.thresholds, side="right")
            for same, rows in self.order.items()
        }
        """Same or different -> `(T,)` how many of its pairs, nearest first, lie at or under each threshold."""

    def curves(self, weights: NDArray[np.float64] | None = None) -> Curves | None:
        """Rates where each pair has a weight `(P,)`; None where either kind weighs nothing."""
        shares = {}
        for same, rows in self.order.items():
            each = np.ones(len(rows)) if weights is None else weights[rows]
            sums = np.concatenate([[0.0], np.cumsum(each)])
            if sums[-1] == 0:
                return None
            shares[same] = sums[self.reached[same]] / sums[-1]
        return Curves(shares[False], 1.0 - shares[True])

    def rate(self, weights: NDArray[np.float64], threshold: int, *, same: bool) -> float | None:
        """Share of the same, or of the different, pairs that a threshold takes wrongly; None where they weigh nothing.

        Args:
            weights: `(P,)`.
            threshold: its place among the thresholds; -1 for one under which no pair lies.
            same: which kind.
        """
        each = weights[self.order[same]]
        total = each.sum()
        if total == 0:
            return None
        under = each[: self.reached[same][threshold] if threshold >= 0 else 0].sum()
        return float((total - under if same else under) / total)

    def knots(self, *kept: int) -> NDArray[np.int64]:
        """Places of some hundred thresholds that draw both curves, at small FAR as well as at large, and `kept`."""
        different, same = (self.reached[kind] for kind in (False, True))
        tail, even = np.geomspace(1, different[-1], _KNOTS), np.linspace(1, different[-1], _KNOTS)
        found = [np.searchsorted(different, steps) for steps in (tail, even)]
        found += [np.searchsorted(same, np.linspace(1, same[-1], _KNOTS)), np.array([0, *kept])]
        return np.unique(np.clip(np.concatenate(found), 0, len(self.thresholds) - 1).astype(np.int64))

    def table(self, curves: Curves, knots: NDArray[np.int64]) -> RateTable:
        """The curves at some thresholds, and at 2, which is the end."""
        distances, far, frr = (each[knots] for each in (self.thresholds, curves.far, curves.frr))
        if distances[-1] < 2.0:
            distances, far, frr = np.append(distances, 2.0), np.append(far, 1.0), np.append(frr, 0.0)
        return RateTable(tuple(distances.tolist()), tuple(far.tolist()), tuple(frr.tolist()))


def _sorted_rows(pairs: MeasuredPairs, *, same: bool) -> NDArray[np.int64]:
    rows = np.flatnonzero(pairs.same == same)
    found: NDArray[np.int64] = rows[np.argsort(pairs.distances[rows], kind="stable")]
    return found
