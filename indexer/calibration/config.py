"""The settings of `twinlens calibrate` and their only defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.config import Device, QueryConfig
from search.errors import DataError

Method = Literal["logistic", "isotonic"]

MOST_PAIRS = 100_000_000
"""Upper limit for pairs of either kind: more would exceed the memory of many machines."""
MOST_RESAMPLES = 1_000_000


@dataclass(frozen=True)
class CalibrateConfig:
    """Settings of a calibration. The threshold is chosen by `max_far`, unless `eer` or both costs are set."""

    max_far: float = 0.01
    """Highest false-accept rate of the threshold on the pairs."""
    eer: bool = False
    """Choose the threshold at which false-accept and false-reject rate are equal."""
    cost_false_accept: float | None = None
    cost_false_reject: float | None = None
    """Choose the threshold with the lowest expected cost, with `prior` as the share of same pairs."""
    method: Method = "logistic"
    """The map from distance to probability."""
    prior: float | None = None
    """Expected share of same pairs, for probabilities and costs; defaults to the share in a CSV of pairs, and to 0.5
    with labels."""
    max_pairs: int = 200_000
    """Largest number of same and of different pairs; above it, a sample that is even over the subjects is used."""
    resamples: int = 1000
    """Number of bootstrap resamples of the subjects for the intervals."""
    seed: int = 0
    """Random seed of the sample and of the resamples."""
    device: Device = QueryConfig.device
    """Device of the encoder."""

    def __post_init__(self) -> None:
        costs = (self.cost_false_accept, self.cost_false_reject)
        if not 0 < self.max_far < 1:
            raise DataError(f"max_far {self.max_far}: must be a rate of more than 0 and less than 1")
        if costs.count(None) == 1:
            raise DataError("cost_false_accept and cost_false_reject belong together: set both, or neither")
        if any(cost is not None and not 0 < cost < float("inf") for cost in costs):
            raise DataError(f"costs {costs[0]} and {costs[1]}: must be more than 0")
        if self.eer and None not in costs:
            raise DataError("eer and costs choose different thresholds: set only one of them")
        if self.method not in ("logistic", "isotonic"):
            raise DataError(f"method {self.method!r}: must be logistic or isotonic")
        if self.prior is not None and not 0 < self.prior < 1:
            raise DataError(f"prior {self.prior}: must be a share of same pairs, more than 0 and less than 1")
        if self.max_pairs < 1 or self.resamples < 1 or self.seed < 0:
            raise DataError("max_pairs and resamples must be 1 or more, and seed 0 or more")
        if self.max_pairs > MOST_PAIRS or self.resamples > MOST_RESAMPLES:
            raise DataError(f"max_pairs must be at most {MOST_PAIRS:,}, and resamples at most {MOST_RESAMPLES:,}")
