"""Estimate how figures vary with other subjects: bootstrap the subjects, and test on those that were not drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.metrics.bootstrap import percentiles
from search.recognition.calibration import ErrorRate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from indexer.calibration.error_rates import ErrorRates
    from indexer.calibration.pairs import MeasuredPairs
    from indexer.calibration.rules import Rule

_FEWEST = 20
"""Smallest number of draws for which percentiles are computed."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """Figures of each draw; a draw without pairs for a figure is missing from its list."""

    eer: tuple[float, ...]
    auc: tuple[float, ...]
    new_far: tuple[float, ...]
    """FAR of the subjects that were not drawn, at the threshold chosen on those that were."""
    new_frr: tuple[float, ...]
    """FRR, as `new_far`."""
    far: NDArray[np.float64]
    """`(draws, knots)`, rates of the subjects that were drawn: the band around a curve."""
    frr: NDArray[np.float64]


class SubjectWeights:
    """Weights of pairs by `MeasuredPairs.weights`, computed once for all pairs of the same two subjects.

    A hundred subjects have 5,050 pairs of subjects, and hundreds of thousands of pairs of pictures.
    """

    def __init__(self, pairs: MeasuredPairs, rates: ErrorRates) -> None:
        """Number the pairs of subjects."""
        one, other = np.minimum(pairs.one, pairs.other), np.maximum(pairs.one, pairs.other)
        codes, number = np.unique(one * pairs.subjects + other, return_inverse=True)
        self._one, self._other = np.divmod(codes, pairs.subjects)
        self._within = self._one == self._other
        self._reached = rates.reached
        self._numbers = {same: number[rows] for same, rows in rates.order.items()}
        self._counts = {same: np.bincount(each, minlength=len(codes)) for same, each in self._numbers.items()}

    def ordered(self, drawn: NDArray[np.int64]) -> dict[bool, NDArray[np.int64]]:
        """Same or different -> the weights of its pairs in the order of their distance, for `drawn (subjects,)`."""
        each = self._each(drawn)
        return {same: each[numbers] for same, numbers in self._numbers.items()}

    def rate(self, drawn: NDArray[np.int64], threshold: int, *, same: bool) -> float | None:
        """As `ErrorRates.rate`, and reads no pair above the threshold.

        Args:
            drawn: `(subjects,)`, how often each subject counts.
            threshold: index into the thresholds; -1 rejects every pair.
            same: which kind of pairs.
        """
        each = self._each(drawn)
        total = int(self._counts[same] @ each)
        if total == 0:
            return None
        reached = int(self._reached[same][threshold]) if threshold >= 0 else 0
        under = int(each[self._numbers[same][:reached]].sum())
        return (total - under if same else under) / total

    def _each(self, drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        return drawn[self._one] * np.where(self._within, 1, drawn[self._other])


def resample(
    pairs: MeasuredPairs,
    rates: ErrorRates,
    rule: Rule,
    knots: NDArray[np.int64],
    *,
    draws: int,
    seed: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Resampled:
    """Draw all subjects with replacement, `draws` times; choose a threshold on those drawn, test it on the others.

    `rule` chooses the threshold on the drawn subjects. Its rates are measured on the pairs of two subjects that were
    not drawn, about 37 % of all. These rates vary both with the subjects used for calibration and with the subjects
    tested, so that their percentiles hold for sets of new subjects of that size or larger. (With few subjects they
    hold for half as many or more: FAR is skewed, and its percentiles are then slightly too low.) The usual bootstrap
    measures a threshold on the subjects that it was chosen on, which includes neither: FAR would always be the
    requested rate.

    Source: Efron and Tibshirani, "Improvements on cross-validation: the .632+ bootstrap", JASA 92, 1997 (testing on
    those not drawn); weights of pairs: `MeasuredPairs.weights`.
    """
    random, weights = np.random.default_rng(seed), SubjectWeights(pairs, rates)
    eer, auc, new_far, new_frr, far, frr = [], [], [], [], [], []
    for _ in range(draws):
        advance(1)
        drawn = np.bincount(random.integers(pairs.subjects, size=pairs.subjects), minlength=pairs.subjects)
        curves = rates.curves_of(weights.ordered(drawn))
        if curves is None:
            continue
        eer.append(curves.eer)
        auc.append(curves.auc)
        far.append(curves.far_at(knots))
        frr.append(curves.frr_at(knots))
        chosen = rule.choose(curves)
        left_out = (drawn == 0).astype(np.int64)
        new_far.append(weights.rate(left_out, chosen, same=False))
        new_frr.append(weights.rate(left_out, chosen, same=True))
    return Resampled(
        eer=tuple(eer),
        auc=tuple(auc),
        new_far=tuple(rate for rate in new_far if rate is not None),
        new_frr=tuple(rate for rate in new_frr if rate is not None),
        far=np.array(far).reshape(-1, len(knots)),
        frr=np.array(frr).reshape(-1, len(knots)),
    )


def rate_with_interval(value: float, drawn: Sequence[float]) -> ErrorRate:
    """A rate with its 95 % percentile interval over the draws, widened to include the rate itself."""
    if len(drawn) < _FEWEST:
        return ErrorRate(value)
    low, high = percentiles(drawn)
    return ErrorRate(value, max(0.0, min(low, value)), min(1.0, max(high, value)))
