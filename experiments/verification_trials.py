"""Measure a threshold on people other than those it was chosen on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.resampling import rate_with_interval
from search.recognition.calibration import ErrorRate

if TYPE_CHECKING:
    from indexer.calibration.pairs import MeasuredPairs

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """Rates of a threshold on other people, with 95 % intervals by bootstrap over them."""

    threshold: float
    far: ErrorRate
    frr: ErrorRate


def verified(pairs: MeasuredPairs, threshold: float, *, draws: int = DRAWS, seed: int = 0) -> Verified:
    """Measure both rates of a threshold on pairs, with at least one of each kind."""
    rates = ErrorRates(pairs)
    place = int(np.searchsorted(rates.thresholds, threshold, side="right")) - 1
    random = np.random.default_rng(seed)
    drawn: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(draws):
        times = np.bincount(random.integers(pairs.subjects, size=pairs.subjects), minlength=pairs.subjects)
        weights = pairs.weights(times)
        for same, rates_drawn in drawn.items():
            rate = rates.rate(weights, place, same=same)
            if rate is not None:
                rates_drawn.append(rate)
    accepted = {same: pairs.distances[pairs.same == same] <= threshold for same in (False, True)}
    return Verified(
        threshold,
        rate_with_interval(float(accepted[False].mean()), drawn[False]),
        rate_with_interval(float(1 - accepted[True].mean()), drawn[True]),
    )


def equal_error(pairs: MeasuredPairs, *, draws: int = DRAWS, seed: int = 0) -> ErrorRate:
    """Equal error rate of pairs, with a 95 % interval by bootstrap over their subjects."""
    rates = ErrorRates(pairs)
    measured = rates.curves()
    assert measured is not None, "both kinds of pairs are there"
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        times = np.bincount(random.integers(pairs.subjects, size=pairs.subjects), minlength=pairs.subjects)
        curves = rates.curves(pairs.weights(times))
        if curves is not None:
            drawn.append(curves.eer)
    return rate_with_interval(measured.eer, drawn)
