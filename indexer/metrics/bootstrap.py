"""Confidence intervals by bootstrap over classes: how much a figure would vary with other classes."""

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
    """A figure and its interval; `low` and `high` are None for fewer than two classes."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both bounds, or None without an interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def __str__(self) -> str:
        bounds = "" if self.interval is None else " ({:.3f} to {:.3f})".format(*self.interval)
        return f"{self.value:.3f}{bounds}"

    def to_dict(self) -> dict[str, float | None]:
        """Plain values, ready for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def mean_figure(values: NDArray[np.float64], classes: NDArray[np.int64], resamples: int = RESAMPLES) -> Figure:
    """Mean of `values (Q,)` with the 95 % percentile interval of resampled classes.

    The queries of a class are correlated, so that resampling single queries would give intervals several times too
    narrow. Classes are drawn with replacement, as many as there are, each with all its queries. The search itself is
    not repeated.

    Args:
        values: one number per query, a hit or a precision.
        classes: `(Q,)` the class of each query.
        resamples: the number of resamples.

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
    """How often each class is drawn, `(classes,)` for each resample; the same draws for every figure."""
    random = np.random.default_rng(SEED)
    for _ in range(resamples):
        yield np.bincount(random.integers(classes, size=classes), minlength=classes)


def percentiles(drawn: Sequence[float]) -> tuple[float, float]:
    """Bounds that leave 2.5 % of the resamples on either side."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
