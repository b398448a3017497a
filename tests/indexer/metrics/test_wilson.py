"""The interval of a mean of shares, against the textbook formula and against simulation."""

from math import sqrt

import numpy as np
import pytest

from indexer.metrics.wilson import mean_of_shares


def textbook(successes: int, trials: int) -> tuple[float, float]:
    z, p = 1.959963984540054, successes / trials
    centre, half = p + z * z / (2 * trials), z * sqrt(p * (1 - p) / trials + z * z / (4 * trials**2))
    return (centre - half) / (1 + z * z / trials), (centre + half) / (1 + z * z / trials)


def test_shares_of_zero_and_one_have_the_textbook_interval() -> None:
    figure = mean_of_shares(np.array([1.0] * 90 + [0.0] * 10), 10)
    assert figure.interval == pytest.approx(textbook(90, 100), abs=2e-3)


def test_no_miss_still_has_a_width() -> None:
    figure = mean_of_shares(np.ones(200), 10)
    assert figure.value == 1.0
    assert figure.interval == pytest.approx((textbook(200, 200)[0], 1.0))


def test_no_query_and_one_query() -> None:
    assert mean_of_shares(np.empty(0), 10).interval is None
    low, high = mean_of_shares(np.array([0.5]), 10).interval or (1, 0)
    assert 0 <= low < 0.5 < high <= 1


@pytest.mark.parametrize("correlated", [False, True])
def test_the_interval_holds_the_true_mean_19_times_in_20(correlated: bool) -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(600):
        chance = random.beta(4.5, 0.5, 100) if correlated else np.full(100, 0.9)
        figure = mean_of_shares(random.binomial(10, chance) / 10, 10)
        low, high = figure.interval or (1, 0)
        held += low <= 0.9 <= high
    assert held / 600 == pytest.approx(0.95, abs=0.03)
