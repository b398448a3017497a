"""Rules that choose a threshold. Of equally good ones the smallest, because a false accept is the worse mistake."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from indexer.calibration.config import CalibrateConfig
    from indexer.calibration.error_rates import Curves


class Rule(Protocol):
    """Chooses a threshold from two curves."""

    def choose(self, curves: Curves) -> int:
        """Index of the threshold; -1 if only a threshold below all pairs satisfies the rule."""


@dataclass(frozen=True, slots=True)
class MaxFar:
    """The largest threshold with a false-accept rate of at most `rate`; ties are all accepted, or all rejected."""

    rate: float

    def choose(self, curves: Curves) -> int:
        """See `Rule`."""
        return bisect_right(curves.places, self.rate, key=curves.far_at) - 1

    def __str__(self) -> str:
        return f"far<={self.rate:g}"


@dataclass(frozen=True, slots=True)
class EqualErrors:
    """The threshold at which both rates differ least."""

    def choose(self, curves: Curves) -> int:
        """See `Rule`."""
        after = curves.crossing
        if after == 0 or curves.gap_at(after) < -(before := curves.gap_at(after - 1)):
            return after
        return bisect_left(curves.places, before, key=curves.gap_at)

    def __str__(self) -> str:
        return "eer"


@dataclass(frozen=True, slots=True)
class LowestCost:
    """The threshold with the lowest `prior` * `false_reject` * FRR + (1 - `prior`) * `false_accept` * FAR."""

    false_accept: float
    false_reject: float
    prior: float

    def choose(self, curves: Curves) -> int:
        """See `Rule`."""
        places = np.append(0, curves.rates.steps)  # at any other threshold FAR rises, and FRR does not fall
        far, frr = curves.far_at(places), curves.frr_at(places)
        cost = self.prior * self.false_reject * frr + (1 - self.prior) * self.false_accept * far
        best = int(np.argmin(cost))
        return int(places[best]) if cost[best] < self.prior * self.false_reject else -1

    def __str__(self) -> str:
        return f"cost {self.false_accept:g}:{self.false_reject:g}"


def rule_of(config: CalibrateConfig, prior: float) -> Rule:
    """The rule of the settings."""
    if config.eer:
        return EqualErrors()
    if config.cost_false_accept is not None and config.cost_false_reject is not None:
        return LowestCost(config.cost_false_accept, config.cost_false_reject, prior)
    return MaxFar(config.max_far)
