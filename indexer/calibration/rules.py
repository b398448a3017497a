"""Rules that choose a threshold. Of equally good ones the smallest, because a false accept is the worse mistake."""

from __future__ import annotations

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
        return int(np.searchsorted(curves.far, self.rate, side="right")) - 1

    def __str__(self) -> str:
        return f"far<={self.rate:g}"


@dataclass(frozen=True, slots=True)
class EqualErrors:
    """The threshold at which both rates differ least."""

    def choose(self, curves: Curves) -> int:
        """See `Rule`."""
        return int(np.argmin(np.abs(curves.far - curves.frr)))

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
        cost = self.prior * self.false_reject * curves.frr + (1 - self.prior) * self.false_accept * curves.far
        best = int(np.argmin(cost))
        return best if cost[best] < self.prior * self.false_reject else -1

    def __str__(self) -> str:
        return f"cost {self.false_accept:g}:{self.false_reject:g}"


def rule_of(config: CalibrateConfig, prior: float) -> Rule:
    """The rule of the settings."""
    if config.eer:
        return EqualErrors()
    if config.cost_false_accept is not None and config.cost_false_reject is not None:
        return LowestCost(config.cost_false_accept, config.cost_false_reject, prior)
    return MaxFar(config.max_far)
