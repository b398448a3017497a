"""How far figures would move with other subjects: they are drawn anew, and those not drawn stand for new ones."""

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
"""Draws below which no percentile is worth its name."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """What the draws gave; a draw that left nothing to measure a figure on is missing from its list."""

    eer: tuple[float, ...]
    auc: tuple[float, ...]
    new_far: tuple[float, ...]
    """On subjects that were not drawn, at the threshold that those drawn gave."""
    new_frr: tuple[float, ...]
    far: NDArray[np.float64]
    """`(draws, knots)`, of the subjects drawn: the band around a curve."""
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
    """Draw as many subjects as there are, with replacement, `draws` times; choose a threshold on those drawn by
    `rule`, and take its rates on the pairs whose subjects were both left out.

    About 37 % of the subjects are left out of a draw. So a rate of theirs varies both with who was calibrated on and
    with who is met, and its percentiles hold for sets of new subjects of that size or larger (where subjects are few,
    for half as many as there are or more: FAR is skewed, and its percentiles then somewhat too low). The usual
    bootstrap, which measures a threshold on the subjects that gave it, tells neither: FAR would be the rate asked for
    each time.

    Source: Efron and Tibshirani, "Improvements on cross-validation: the .632+ bootstrap", JASA 92, 1997 (leaving out
    what is not drawn); weights of pairs: `MeasuredPairs.weights`.
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
    """A rate and the bounds that leave 2.5 % of the draws on either side, widened to hold the rate itself."""
    if len(drawn) < _FEWEST:
        return ErrorRate(value)
    low, high = percentiles(drawn)
    return ErrorRate(value, max(0.0, min(low, value)), min(1.0, max(high, value)))
