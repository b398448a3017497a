"""Map a distance to the probability that two pictures show the same thing; it never increases with the distance.

Both maps are a few numbers fitted by `twinlens calibrate`; they only need numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

_STEEPEST = 700.0
"""Log-odds beyond which `exp` would overflow; the probability is 0 or 1 to the last digit long before."""


@dataclass(frozen=True, slots=True)
class LogisticMap:
    """1 / (1 + exp(-(intercept + slope * distance))), with a slope of at most 0.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """

    intercept: float
    slope: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.intercept) and np.isfinite(self.slope) and self.slope <= 0):
            raise DataError(f"a logistic map needs finite numbers and a slope of at most 0, not {self}")

    def __call__(self, distances: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1], in the shape of `distances`."""
        odds = np.clip(self.intercept + self.slope * np.asarray(distances, np.float64), -_STEEPEST, _STEEPEST)
        probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-odds))
        return probabilities

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"method": "logistic", "intercept": self.intercept, "slope": self.slope}


@dataclass(frozen=True, slots=True)
class IsotonicMap:
    """Straight lines between knots, constant beyond the first and the last.

    Source: Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
    KDD 2002.
    """

    distances: tuple[float, ...]
    """Strictly increasing."""
    probabilities: tuple[float, ...]
    """Never increasing, in [0, 1]."""

    def __post_init__(self) -> None:
        knots, values = np.array(self.distances), np.array(self.probabilities)
        if not (len(knots) == len(values) > 0 and np.isfinite(knots).all() and np.isfinite(values).all()):
            raise DataError("an isotonic map needs at least one knot, and one probability per knot")
        if (np.diff(knots) <= 0).any() or (np.diff(values) > 0).any() or values.min() < 0 or values.max() > 1:
            raise DataError("the knots of an isotonic map must rise, and its probabilities fall, within [0, 1]")

    def __call__(self, distances: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1], in the shape of `distances`."""
        return np.asarray(np.interp(np.asarray(distances, np.float64), self.distances, self.probabilities))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "method": "isotonic",
            "distances": list(self.distances),
            "probabilities": list(self.probabilities),
        }


ProbabilityMap: TypeAlias = LogisticMap | IsotonicMap


def map_from_dict(values: Mapping[str, Any]) -> ProbabilityMap:
    """Read the result of `to_dict` of either map.

    Raises:
        DataError: the method is unknown, or the numbers are not those of a map.
        KeyError, TypeError, ValueError: values are missing or are not numbers.
    """
    if values["method"] == "logistic":
        return LogisticMap(number(values["intercept"]), number(values["slope"]))
    if values["method"] == "isotonic":
        return IsotonicMap(tuple(map(number, values["distances"])), tuple(map(number, values["probabilities"])))
    raise DataError(f"no probability map is called {values['method']!r}: there are logistic and isotonic")


def number(value: Any) -> float:
    """A number from JSON as float; raises TypeError for text, which `float` would convert."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)
