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
    random = np.random.default_rng(seed)
    eer, auc, new_far, new_frr, far, frr = [], [], [], [], [], []
    for _ in range(draws):
        advance(1)
        drawn = np.bincount(random.integers(pairs.subjects, size=pairs.subjects), minlength=pairs.subjects)
        curves = rates.curves(pairs.weights(drawn))
        if curves is None:
            continue
        eer.append(curves.eer)
        auc.append(curves.auc)
        far.append(curves.far[knots])
        frr.append(curves.frr[knots])
        chosen = rule.choose(curves)
        left_out = pairs.weights((drawn == 0).astype(np.int64))
        new_far.append(rates.rate(left_out, chosen, same=False))
        new_frr.append(rates.rate(left_out, chosen, same=True))
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
