"""Fit the map from distance to probability on pairs, for a given share of same pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.recognition.probability_maps import IsotonicMap, LogisticMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.config import Method
    from search.recognition.probability_maps import ProbabilityMap

_ROUNDS = 100
_SMALL = 1e-10
_ROUNDING = 1e-12
"""Relative error that the sum over all pairs may have. The next Newton step would lower the loss by its square."""
_KNOTS = 256


def fit(method: Method, distances: NDArray[np.float64], same: NDArray[np.bool_], prior: float) -> ProbabilityMap:
    """Fit a map to the distances `(P,)` of pairs; both kinds must be present."""
    return (fit_logistic if method == "logistic" else fit_isotonic)(distances, same, prior)


def weights_for(same: NDArray[np.bool_], prior: float) -> NDArray[np.float64]:
    """Weights `(P,)` that add up to 1; the weights of the same pairs add up to `prior`."""
    ones = int(np.count_nonzero(same))
    return np.where(same, prior / max(1, ones), (1 - prior) / max(1, len(same) - ones))


def targets_for(same: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Target probabilities `(P,)`: (N+ + 1) / (N+ + 2) for the N+ same pairs, 1 / (N- + 2) for the N- others.

    With targets 1 and 0, the map of separable pairs would be infinitely steep.
    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    ones = int(np.count_nonzero(same))
    return np.where(same, (ones + 1) / (ones + 2), 1 / (len(same) - ones + 2))


def fit_logistic(distances: NDArray[np.float64], same: NDArray[np.bool_], prior: float) -> LogisticMap:
    """Maximise the weighted likelihood by Newton's method; a constant map if nearer pairs are not more often the same.

    Source: the algorithm of Lin, Lin, Weng, "A note on Platt's probabilistic outputs for support vector machines",
    Machine Learning 68, 2007, with weights.
    """
    weights, targets = weights_for(same, prior), targets_for(same)
    middle, scale = float(distances.mean()), float(distances.std()) or 1.0
    columns = np.stack([np.ones(len(distances)), (distances - middle) / scale])
    coefficients = np.array([np.log(prior / (1 - prior)), 0.0])
    loss = _loss(coefficients, columns, weights, targets)
    for _ in range(_ROUNDS):
        predicted = 1.0 / (1.0 + np.exp(-coefficients @ columns))
        gradient = columns @ (weights * (predicted - targets))
        if np.abs(gradient).max() < _SMALL:
            break
        curvature = (columns * (weights * predicted * (1 - predicted))) @ columns.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < _ROUNDING * loss:  # it lowers the loss by half of this: less than a sum is rounded
            coefficients = coefficients - step
            break
        size = 1.0
        while (lower := _loss(coefficients - size * step, columns, weights, targets)) > loss and size > _SMALL:
            size /= 2
        if lower > loss:
            break
        coefficients, loss = coefficients - size * step, lower
    slope = float(coefficients[1]) / scale
    if slope >= 0:
        return LogisticMap(float(np.log(prior / (1 - prior))), 0.0)
    return LogisticMap(float(coefficients[0]) - slope * middle, slope)


def fit_isotonic(distances: NDArray[np.float64], same: NDArray[np.bool_], prior: float) -> IsotonicMap:
    """Weighted least squares among all maps that never rise with distance, by pooling adjacent violators.

    The map has a knot at each end of a constant stretch.

    Source: Zadrozny and Elkan, KDD 2002; Ayer et al., "An empirical distribution function for sampling with incomplete
    information", 1955.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(distances, kind="stable")  # one pass if they are sorted already
    distances, same = distances[order], same[order]
    first = np.diff(distances, prepend=-np.inf) > 0
    knots, number = distances[first], np.cumsum(first) - 1
    weights = weights_for(same, prior)
    mass = np.bincount(number, weights)
    means = np.bincount(number, weights * targets_for(same)) / mass
    levels = np.clip(isotonic_regression(means, weights=mass, increasing=False).x, 0.0, 1.0)
    changes = np.flatnonzero(np.diff(levels) != 0)
    ends = np.unique(np.concatenate([[0], changes, changes + 1, [len(knots) - 1]]))
    if len(ends) > _KNOTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, _KNOTS).astype(np.int64))]
    return IsotonicMap(tuple(knots[ends].tolist()), tuple(np.minimum.accumulate(levels[ends]).tolist()))


def _loss(
    coefficients: NDArray[np.float64],
    columns: NDArray[np.float64],
    weights: NDArray[np.float64],
    targets: NDArray[np.float64],
) -> float:
    odds = coefficients @ columns
    return float(weights @ (np.logaddexp(0.0, odds) - targets * odds))
