"""Confidence interval of the mean of shares, such as the recall of each of many queries."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from indexer.metrics.bootstrap import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Z = 1.959964
"""Quantile of the normal distribution for a level of 95 %."""


def mean_of_shares(shares: NDArray[np.float64], parts: int) -> Figure:
    """Mean of `shares (Q,)`, each of `parts` parts, with its 95 % Wilson interval over the Q queries.

    The parts of one query are not independent: a search that misses one neighbour often misses the next. So the
    interval is that of as many independent trials as would vary as much between queries as the shares do: at least Q,
    at most Q times `parts`. A query that finds nothing is rare, and Q queries may well include none. So one that found
    nothing and one that found everything are added when the variation is estimated; otherwise a single missed part
    would make the interval narrower. For the same reason the lower end is at most that of Q queries that miss nothing.
    Unlike a bootstrap it has a width if no query misses anything.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22(158), 1927; Korn and
    Graubard, "Confidence intervals for proportions with small expected number of positive counts", Survey
    Methodology 24, 1998 (the effective number of trials).
    """
    count = len(shares)
    if count == 0:
        return Figure(1.0)
    mean = float(shares.mean())
    supposed = np.append(shares, (0.0, 1.0))
    centre, spread = float(supposed.mean()), float(supposed.var(ddof=1))
    trials = min(max(centre * (1 - centre) * count / spread, float(count)), float(count * parts))
    middle = (mean + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
    half = _Z * sqrt(mean * (1 - mean) / trials + _Z**2 / (4 * trials**2)) / (1 + _Z**2 / trials)
    none_missed = count / (count + _Z**2)
    return Figure(mean, max(0.0, min(mean, middle - half, none_missed)), min(1.0, max(mean, middle + half)))
