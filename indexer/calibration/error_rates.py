"""False-accept and false-reject rates of weighted pairs over all thresholds: ROC, EER and AUC."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from search.recognition.calibration import RateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.pairs import MeasuredPairs

    Places: TypeAlias = int | slice | NDArray[np.int64]
    """Indexes into the thresholds."""

_KNOTS = 160
"""Knots of a rate table for each kind of pair."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Both rates at the thresholds of an `ErrorRates`; FAR rises, FRR falls, and they cross once.

    Rates are computed where they are read: a bisection reads twenty of 200,000 thresholds.

    False-accept rate: the share of different pairs at or below the threshold. False-reject rate: the share of same
    pairs above it. ROC plots 1 - FRR over FAR; DET plots FRR over FAR, both on normal-deviate axes.
    Source: ISO/IEC 19795-1; Martin et al., "The DET curve in assessment of detection task performance", 1997.
    """

    rates: ErrorRates
    sums: dict[bool, NDArray[Any]]
    """Same or different -> `(pairs of this kind + 1,)`, the weight of its nearest 0, 1, 2, ... pairs."""

    def far_at(self, places: Places) -> Any:
        """False-accept rates at thresholds, given by their indexes."""
        sums = self.sums[False]
        return sums[self.rates.reached[False][places]] / sums[-1]

    def frr_at(self, places: Places) -> Any:
        """False-reject rates at thresholds, given by their indexes."""
        sums = self.sums[True]
        return 1.0 - sums[self.rates.reached[True][places]] / sums[-1]

    def gap_at(self, place: int) -> float:
        """FAR minus FRR at a threshold; it rises with the threshold."""
        return float(self.far_at(place) - self.frr_at(place))

    @property
    def places(self) -> range:
        """Indexes of all thresholds."""
        return range(len(self.rates.thresholds))

    @property
    def far(self) -> NDArray[np.float64]:
        """False-accept rates `(T,)` at all thresholds."""
        return np.asarray(self.far_at(slice(None)))

    @property
    def frr(self) -> NDArray[np.float64]:
        """False-reject rates `(T,)` at all thresholds."""
        return np.asarray(self.frr_at(slice(None)))

    @property
    def crossing(self) -> int:
        """Index of the first threshold at which FAR reaches FRR."""
        return bisect_left(self.places, 0.0, key=self.gap_at)

    @property
    def eer(self) -> float:
        """Equal error rate: where FAR and FRR cross, interpolated linearly between two thresholds."""
        after = self.crossing
        if after == 0:
            return float(self.far_at(0) + self.frr_at(0)) / 2
        before = -self.gap_at(after - 1)
        share = before / (before + self.gap_at(after))
        return float(self.far_at(after - 1) + share * (self.far_at(after) - self.far_at(after - 1)))

    @property
    def auc(self) -> float:
        """Probability that a same pair has a smaller distance than a different one; ties count half (Mann-Whitney)."""
        steps = self.rates.steps
        far = self.far_at(steps)
        before = np.where(steps > 0, self.far_at(np.maximum(steps, 1) - 1), 0.0)
        accepted = -np.diff(self.frr_at(steps), prepend=1.0)
        return float(np.sum(accepted * (1.0 - (far + before) / 2)))


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
        self.steps: NDArray[np.int64] = np.flatnonzero(np.diff(self.reached[True], prepend=0))
        """Indexes of the thresholds that are distances of same pairs: FRR changes at no other."""

    def curves(self, weights: NDArray[np.float64] | None = None) -> Curves | None:
        """Rates of pairs with weights `(P,)`; None if either kind has no weight."""
        ordered = {same: np.ones(len(rows)) if weights is None else weights[rows] for same, rows in self.order.items()}
        return self.curves_of(ordered)

    def curves_of(self, ordered: dict[bool, NDArray[Any]]) -> Curves | None:
        """As `curves`, for the weights of the same and of the different pairs, each in the order of their distance."""
        sums = {same: _sums(weights) for same, weights in ordered.items()}
        return None if any(each[-1] == 0 for each in sums.values()) else Curves(self, sums)

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
        distances, far, frr = self.thresholds[knots], curves.far_at(knots), curves.frr_at(knots)
        if distances[-1] < 2.0:
            distances, far, frr = np.append(distances, 2.0), np.append(far, 1.0), np.append(frr, 0.0)
        return RateTable(tuple(distances.tolist()), tuple(far.tolist()), tuple(frr.tolist()))


def _sums(weights: NDArray[Any]) -> NDArray[Any]:
    """`(N + 1,)`: the sum of the first 0, 1, ..., N weights."""
    sums = np.zeros(len(weights) + 1, dtype=weights.dtype)
    np.cumsum(weights, out=sums[1:])
    return sums


def _sorted_rows(pairs: MeasuredPairs, *, same: bool) -> NDArray[np.int64]:
    rows = np.flatnonzero(pairs.same == same)
    ordered: NDArray[np.int64] = rows[np.argsort(pairs.distances[rows], kind="stable")]
    return ordered
