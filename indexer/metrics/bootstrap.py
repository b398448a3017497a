"""Confidence intervals by bootstrap over classes: how far a figure would move if other classes had been measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its interval; `low` and `high` are None where fewer than two classes were measured."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both bounds, where there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def __str__(self) -> str:
        bounds = "" if self.interval is None else " ({:.3f} to {:.3f})".format(*self.interval)
        return f"{self.value:.3f}{bounds}"

    def to_dict(self) -> dict[str, float | None]:
        """Plain values, ready for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def mean_figure(values: NDArray[np.float64], classes: NDArray[np.int64], resamples: int = RESAMPLES) -> Figure:
    """Mean of `values (Q,)` with the 95 % percentile interval of resampled classes.

    A query's neighbours are its own class and others, so the queries of a class rise and fall together: drawing
    single queries would give intervals several times too narrow. Classes are drawn with replacement, as many as there
    are, each with all its queries; nothing is searched anew.

    Args:
        values: one number a query, a hit or a precision.
        classes: `(Q,)` the class of each query.
        resamples: how many times classes are drawn.

    Source: cluster bootstrap; Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007.
    """
    _, numbers = np.unique(classes, return_inverse=True)
    counts = np.bincount(numbers)
    sums = np.bincount(numbers, weights=values.astype(np.float64))
    mean = float(sums.sum() / counts.sum()) if len(values) else 0.0
    if len(counts) < 2:
        return Figure(mean)
    drawn = [float(times @ sums / (times @ counts)) for times in class_draws(len(counts), resamples)]
    return Figure(mean, *percentiles(drawn))


def class_draws(classes: int, resamples: int = RESAMPLES) -> Iterator[NDArray[np.int64]]:
    """How many times each class is drawn, `(classes,)` a resample; the same draws for every figure."""
    random = np.random.default_rng(SEED)
    for _ in range(resamples):
        yield np.bincount(random.integers(classes, size=classes), minlength=classes)


def percentiles(drawn: Sequence[float]) -> tuple[float, float]:
    """Bounds that leave 2.5 % of the resamples on either side."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
