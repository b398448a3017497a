"""The only defaults of `twinlens calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.config import Device, QueryConfig
from search.errors import DataError

Method = Literal["logistic", "isotonic"]

MOST_PAIRS = 100_000_000
"""Pairs of either kind: of more, the memory of a machine would decide."""
MOST_RESAMPLES = 1_000_000


@dataclass(frozen=True)
class CalibrateConfig:
    """What is measured, and what the threshold is chosen by: a highest rate, unless `eer` or both costs are given."""

    max_far: float = 0.01
    """Highest false-accept rate that the threshold may have on the pairs."""
    eer: bool = False
    """Choose where false accepts and false rejects are equally frequent."""
    cost_false_accept: float | None = None
    cost_false_reject: float | None = None
    """Choose where the expected cost is lowest, `prior` being the share of same pairs."""
    method: Method = "logistic"
    """How distances become probabilities."""
    prior: float | None = None
    """Share of same pairs that probabilities and costs are made for; None: as in a CSV of pairs, 0.5 with labels."""
    max_pairs: int = 200_000
    """At most so many same, and so many different pairs; of more, a sample that is even over the subjects."""
    resamples: int = 1000
    """Draws of subjects behind every interval."""
    seed: int = 0
    """Of the sample and of the draws."""
    device: Device = QueryConfig.device
    """Where the encoder computes."""

    def __post_init__(self) -> None:
        costs = (self.cost_false_accept, self.cost_false_reject)
        if not 0 < self.max_far < 1:
            raise DataError(f"max_far {self.max_far}: is a share of the different pairs, more than 0 and less than 1")
        if costs.count(None) == 1:
            raise DataError("cost_false_accept and cost_false_reject go together: give both, or neither")
        if any(cost is not None and not 0 < cost < float("inf") for cost in costs):
            raise DataError(f"costs {costs[0]} and {costs[1]}: must be more than 0")
        if self.eer and None not in costs:
            raise DataError("eer and costs choose two thresholds: give one of them")
        if self.method not in ("logistic", "isotonic"):
            raise DataError(f"method {self.method!r}: must be logistic or isotonic")
        if self.prior is not None and not 0 < self.prior < 1:
            raise DataError(f"prior {self.prior}: is a share of same pairs, more than 0 and less than 1")
        if self.max_pairs < 1 or self.resamples < 1 or self.seed < 0:
            raise DataError("max_pairs and resamples must be 1 or more, and seed 0 or more")
        if self.max_pairs > MOST_PAIRS or self.resamples > MOST_RESAMPLES:
            raise DataError(f"max_pairs can be {MOST_PAIRS:,} at most, and resamples {MOST_RESAMPLES:,}")
