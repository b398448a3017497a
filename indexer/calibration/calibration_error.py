"""Whether probabilities mean what they say: reliability by bin, and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.fitting import fit, weights_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.config import Method
    from indexer.calibration.pairs import MeasuredPairs

BINS = 15
_DEALS = 40


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of B bins of equal width: mean probability, share of same pairs, share of all weight, each `(B,)`; an empty bin
    has zeros.
    """

    said: NDArray[np.float64]
    true: NDArray[np.float64]
    mass: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: the sum over bins of mass * |true - said|, in [0, 1].

        Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
        2015; Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3, with 15 bins.
        """
        return float(np.sum(self.mass * np.abs(self.true - self.said)))


def reliability(
    probabilities: NDArray[np.float64], same: NDArray[np.bool_], weights: NDArray[np.float64], bins: int = BINS
) -> Reliability:
    """Put probabilities `(P,)` of pairs with weights `(P,)` into bins (0, 1/B], (1/B, 2/B], ...; 0 is in the first."""
    place = np.clip(np.ceil(probabilities * bins).astype(np.int64) - 1, 0, bins - 1)
    mass = np.bincount(place, weights, bins)
    safe = np.where(mass > 0, mass, 1.0)
    said = np.bincount(place, weights * probabilities, bins) / safe
    true = np.bincount(place, weights * same, bins) / safe
    return Reliability(said, true, mass / mass.sum())


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What maps said of subjects that they were not fitted on."""

    errors: tuple[float, ...]
    """Expected calibration error of each half."""
    reliability: Reliability
    """Of all halves together."""

    @property
    def error(self) -> float:
        """Mean over the halves."""
        return float(np.mean(self.errors))


def held_out(pairs: MeasuredPairs, method: Method, prior: float, seed: int) -> HeldOut | None:
    """Deal the subjects into halves, 40 times; fit a map on one half, ask it about the other, and the other way round.

    A pair across the halves counts for neither, and each half is weighted for `prior`. None where no half has both
    kinds of pairs.

    Errors are taken half by half and not of all answers together: new subjects differ from the old ones as a whole,
    and together the halves would be the old ones again. (Of 20 people, cross-validation with its answers joined gave
    0.02 where 20 others had 0.07.) With half of the subjects to fit and half to ask, the error of as many new subjects
    as were calibrated on is rather less than this.
    """
    random = np.random.default_rng(seed)
    errors, said, same = [], [], []
    for _ in range(_DEALS):
        first = random.permutation(pairs.subjects) < pairs.subjects // 2
        for half in (first, ~first):
            probabilities, truth = _ask(pairs, half, method, prior)
            if _both_kinds(truth):
                errors.append(reliability(probabilities, truth, weights_for(truth, prior)).error)
                said.append(probabilities)
                same.append(truth)
    if not errors:
        return None
    truth = np.concatenate(same)
    together = reliability(np.concatenate(said), truth, weights_for(truth, prior))
    return HeldOut(tuple(min(1.0, error) for error in errors), together)


def _ask(
    pairs: MeasuredPairs, asked: NDArray[np.bool_], method: Method, prior: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities and truth of the pairs within the subjects `asked (S,)`, from a map of those without."""
    one, other = asked[pairs.one], asked[pairs.other]
    outside, inside = pairs.take(~one & ~other), pairs.take(one & other)
    if not _both_kinds(outside.same):
        return np.empty(0), np.empty(0, dtype=np.bool_)
    return fit(method, outside.distances, outside.same, prior)(inside.distances), inside.same


def _both_kinds(same: NDArray[np.bool_]) -> bool:
    return bool(same.any() and not same.all())
