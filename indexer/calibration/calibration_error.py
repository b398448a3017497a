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
_FOLDS = 5
_REPEATS = 4


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
class OutOfFold:
    """What maps said of subjects that they were not fitted on: the error, and the bins that draw it."""

    error: float
    """Mean of the expected calibration errors of the single repeats."""
    reliability: Reliability
    """Of all repeats together."""


def out_of_fold(pairs: MeasuredPairs, method: Method, prior: float, seed: int) -> OutOfFold | None:
    """Reliability on subjects that the map was not fitted on; None where no fold has both kinds of pairs.

    Subjects are dealt into five folds (two where they are fewer than ten), four times over. A map is fitted on the
    pairs outside a fold and asked about the pairs inside it; a pair across counts for neither. What the folds of one
    repeat gave is put together, weighted for `prior`. Errors are taken before repeats are joined: joined, the chances
    of one deal would cancel those of another, as they do not on new subjects.
    """
    random = np.random.default_rng(seed)
    folds = _FOLDS if pairs.subjects >= 2 * _FOLDS else 2
    errors, said, same = [], [], []
    for _ in range(_REPEATS):
        fold = random.permutation(np.arange(pairs.subjects) % folds)
        answers = [_fold(pairs, fold == number, method, prior) for number in range(folds)]
        probabilities = np.concatenate([each[0] for each in answers])
        truth = np.concatenate([each[1] for each in answers])
        if _both_kinds(truth):
            errors.append(reliability(probabilities, truth, weights_for(truth, prior)).error)
            said.append(probabilities)
            same.append(truth)
    if not errors:
        return None
    truth = np.concatenate(same)
    return OutOfFold(float(np.mean(errors)), reliability(np.concatenate(said), truth, weights_for(truth, prior)))


def _fold(
    pairs: MeasuredPairs, held: NDArray[np.bool_], method: Method, prior: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities and truth of the pairs within the subjects `held (S,)`, from a map of those without."""
    one, other = held[pairs.one], held[pairs.other]
    outside, inside = pairs.take(~one & ~other), pairs.take(one & other)
    if not _both_kinds(outside.same):
        return np.empty(0), np.empty(0, dtype=np.bool_)
    return fit(method, outside.distances, outside.same, prior)(inside.distances), inside.same


def _both_kinds(same: NDArray[np.bool_]) -> bool:
    return bool(same.any() and not same.all())
