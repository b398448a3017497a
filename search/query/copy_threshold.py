"""Choose the distance up to which one picture counts as a copy of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from search.config import DuplicatesConfig
from search.distance import FARTHEST
from search.errors import QueryError

if TYPE_CHECKING:
    from search.recognition.calibration import Calibration
    from search.recognition.cut_points import CutPoints

_HALVINGS = 60

Source = Literal["given", "probability", "calibration", "encoder", "default"]


@dataclass(frozen=True, slots=True)
class CopyThreshold:
    """Pictures within `distance` (Euclidean, in [0, 2]) are copies."""

    distance: float
    source: Source
    """How it was chosen."""


def copy_threshold(
    calibration: Calibration | None, cut_points: CutPoints | None, config: DuplicatesConfig | None = None
) -> CopyThreshold:
    """Use the threshold of the config, or that of the calibration, or the cut-point of near copies, or the default.

    Raises:
        QueryError: the threshold is invalid, the probability is outside [0, 1], both are given, there is no
            calibration for the probability, or no distance has it.
    """
    config = config or DuplicatesConfig()
    if config.threshold is not None and config.probability is not None:
        raise QueryError("a threshold and a probability were given: give one of them")
    if config.threshold is not None:
        if not 0 <= config.threshold <= FARTHEST:
            raise QueryError(f"the threshold {config.threshold} is not a distance between unit vectors, from 0 to 2")
        return CopyThreshold(float(config.threshold), "given")
    if config.probability is not None:
        return CopyThreshold(_distance_of(config.probability, calibration), "probability")
    if calibration is not None:
        return CopyThreshold(calibration.threshold, "calibration")
    if cut_points is not None:
        return CopyThreshold(cut_points.near_copy, "encoder")
    return CopyThreshold(DuplicatesConfig.default_threshold, "default")


def _distance_of(probability: float, calibration: Calibration | None) -> float:
    """The largest distance, up to rounding, at which two pictures show the same thing with this probability."""
    if not 0 <= probability <= 1:
        raise QueryError(f"a probability lies between 0 and 1, not at {probability}")
    if calibration is None:
        raise QueryError(
            "without a calibration distances have no probabilities: run twinlens calibrate, or give a threshold"
        )

    def enough(distance: float) -> bool:
        return float(calibration.probability(distance)) >= probability

    if not enough(0.0):
        raise QueryError(
            f"no distance has the probability {probability}: at distance 0 it is"
            f" {float(calibration.probability(0.0)):.4f}. Give that or less"
        )
    if enough(FARTHEST):
        return FARTHEST
    low, high = 0.0, FARTHEST
    for _ in range(_HALVINGS):  # a probability never rises with the distance
        middle = (low + high) / 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low
