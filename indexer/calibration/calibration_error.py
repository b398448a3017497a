"""Measure how reliable probabilities are: reliability by bin, and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.fitting import fit, weights_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indexer.calibration.config import Method
    from indexer.calibration.pairs import MeasuredPairs

BINS = 15
_DEALS = 40
HALVES = 2 * _DEALS
"""How many maps `held_out` fits; `advance` is called after each."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability in B bins of equal width, each array `(B,)`; zeros for an empty bin."""

    predicted: NDArray[np.float64]
    """Mean probability."""
    true: NDArray[np.float64]
    """Share of same pairs."""
    mass: NDArray[np.float64]
    """Share of the weight of all pairs."""

    @property
    def error(self) -> float:
        """Expected calibration error: the sum over bins of mass * |true - predicted|, in [0, 1].

        Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
        2015; Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3, with 15 bins.
        """
        return float(np.sum(self.mass * np.abs(self.true - self.predicted)))


def reliability(
    probabilities: NDArray[np.float64], same: NDArray[np.bool_], weights: NDArray[np.float64], bins: int = BINS
) -> Reliability:
    """Sort probabilities `(P,)` of pairs with weights `(P,)` into bins (0, 1/B], (1/B, 2/B], ...; 0 is in the first."""
    number = np.clip(np.ceil(probabilities * bins).astype(np.int64) - 1, 0, bins - 1)
    mass = np.bincount(number, weights, bins)
    safe = np.where(mass > 0, mass, 1.0)
    predicted = np.bincount(number, weights * probabilities, bins) / safe
    true = np.bincount(number, weights * same, bins) / safe
    return Reliability(predicted, true, mass / mass.sum())


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Reliability of maps on subjects that they were not fitted on."""

    errors: tuple[float, ...]
    """Expected calibration error of each half."""
    reliability: Reliability
    """Reliability of all halves together."""

    @property
    def error(self) -> float:
        """Expected calibration error, the mean over the halves."""
        return float(np.mean(self.errors))


def held_out(
    pairs: MeasuredPairs, method: Method, prior: float, seed: int, advance: Callable[[int], None] = lambda count: None
) -> HeldOut | None:
    """Split the subjects into halves 40 times; fit a map on each half and measure it on the other.

    Pairs across the halves are ignored, and each half is weighted for `prior`. None if no half has both kinds of pairs.

    The error is computed for each half and then averaged, not over all predictions together. New subjects differ from
    the old ones as a group, and both halves together would be the old group again: with 20 people, cross-validation
    with joined predictions gave 0.02, but 20 other people had 0.07. Because each map is fitted on half of the subjects,
    the true error for as many new subjects is slightly smaller than this.
    """
    random = np.random.default_rng(seed)
    pairs = pairs.take(np.argsort(pairs.distances, kind="stable"))
    errors, predicted, same = [], [], []
    for _ in range(_DEALS):
        first = random.permutation(pairs.subjects) < pairs.subjects // 2
        for half in (first, ~first):
            probabilities, truth = _predict(pairs, half, method, prior)
            if _both_kinds(truth):
                errors.append(reliability(probabilities, truth, weights_for(truth, prior)).error)
                predicted.append(probabilities)
                same.append(truth)
            advance(1)
    if not errors:
        return None
    truth = np.concatenate(same)
    together = reliability(np.concatenate(predicted), truth, weights_for(truth, prior))
    return HeldOut(tuple(min(1.0, error) for error in errors), together)


def _predict(
    pairs: MeasuredPairs, tested: NDArray[np.bool_], method: Method, prior: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities and truth of the pairs within the subjects `tested (S,)`, from a map fitted on the others."""
    one, other = tested[pairs.one], tested[pairs.other]
    outside, inside = np.flatnonzero(~one & ~other), np.flatnonzero(one & other)
    if not _both_kinds(pairs.same[outside]):
        return np.empty(0), np.empty(0, dtype=np.bool_)
    fitted = fit(method, pairs.distances[outside], pairs.same[outside], prior)
    return fitted(pairs.distances[inside]), pairs.same[inside]


def _both_kinds(same: NDArray[np.bool_]) -> bool:
    return bool(same.any() and not same.all())
