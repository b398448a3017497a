import itertools

import numpy as np
import pytest

from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.pairs import MeasuredPairs
from indexer.calibration.rules import EqualErrors, LowestCost, MaxFar
from tests.indexer.calibration.simulated import measured


def of(same, different):
    """Pairs with given distances, each with two subjects of its own."""
    distances = np.array([*same, *different], dtype=np.float64)
    truth = np.array([True] * len(same) + [False] * len(different))
    numbers = np.arange(len(distances))
    return MeasuredPairs(distances, truth, 2 * numbers, 2 * numbers + 1, 2 * len(numbers))


def test_rates_against_a_loop() -> None:
    random = np.random.default_rng(0)
    pairs = measured(6, 4, 0)
    pairs.distances[:] = np.round(pairs.distances, 1)  # many ties
    weights = random.integers(0, 4, len(pairs.same)).astype(np.float64)
    rates = ErrorRates(pairs)
    curves = rates.curves(weights)
    assert curves is not None
    assert rates.thresholds[0] == 0
    for place, threshold in enumerate(rates.thresholds):
        accepted = {True: 0.0, False: 0.0}
        total = {True: 0.0, False: 0.0}
        for distance, same, weight in zip(pairs.distances, pairs.same, weights, strict=True):
            total[bool(same)] += weight
            accepted[bool(same)] += weight * (distance <= threshold)
        far, frr = accepted[False] / total[False], 1 - accepted[True] / total[True]
        assert curves.far[place] == pytest.approx(far)
        assert curves.frr[place] == pytest.approx(frr)
        assert rates.rate(weights, place, same=False) == pytest.approx(far)
        assert rates.rate(weights, place, same=True) == pytest.approx(frr)
    assert (rates.rate(weights, -1, same=False), rates.rate(weights, -1, same=True)) == (0.0, 1.0)
    assert rates.curves(weights * pairs.same) is None
    assert rates.rate(weights * pairs.same, 0, same=False) is None


def test_auc_against_all_comparisons() -> None:
    same, different = [0.1, 0.3, 0.3, 0.7, 0.0], [0.3, 0.5, 0.7, 0.9]
    won = np.mean([(s < d) + (s == d) / 2 for s, d in itertools.product(same, different)])
    assert ErrorRates(of(same, different)).curves().auc == pytest.approx(won)


@pytest.mark.parametrize(
    ("same", "different", "eer"),
    [
        ([0.1, 0.2, 0.3, 0.4], [0.35, 0.5, 0.6, 0.7], 0.25),
        ([0.1, 0.2], [0.3, 0.4], 0.0),
        ([0.3, 0.4], [0.1, 0.2], 1.0),
        ([0.1, 0.3], [0.1, 0.3], 0.5),
        ([0.5, 0.5], [0.5, 0.5], 0.5),
        ([0.0, 0.0], [0.0, 0.0], 0.5),
        ([0.1, 0.2, 0.8], [0.3, 0.9], 1 / 3),  # FAR goes from 0 to 1/2 where FRR is 1/3
    ],
)
def test_equal_error_rate_by_hand(same, different, eer) -> None:
    assert ErrorRates(of(same, different)).curves().eer == pytest.approx(eer)


def test_equal_error_rate_of_two_gaussians() -> None:
    """With unit deviation and means two apart, the rate is Phi(-1)."""
    random = np.random.default_rng(0)
    same, different = 5 + random.standard_normal(40_000), 7 + random.standard_normal(40_000)
    assert ErrorRates(of(same / 10, different / 10)).curves().eer == pytest.approx(0.15866, abs=0.004)


def test_thresholds_of_the_rules() -> None:
    same, different = [0.1, 0.2, 0.3, 0.6], [0.25, 0.5, 0.5, 0.7]
    rates = ErrorRates(of(same, different))
    curves = rates.curves()

    def chosen(rule):
        return rates.thresholds[rule.choose(curves)]

    assert chosen(MaxFar(0.25)) == 0.3
    assert chosen(MaxFar(0.26)) == 0.3
    assert chosen(MaxFar(0.5)) == 0.3  # 0.5 stands twice: both or none
    assert chosen(MaxFar(0.75)) == 0.6
    assert chosen(MaxFar(0.2)) == 0.2
    assert chosen(EqualErrors()) == 0.3
    assert chosen(LowestCost(1, 1, 0.5)) == 0.2  # 0.2 costs 0.5 FRR, 0.3 costs 0.25 + 0.25: the smaller wins
    assert chosen(LowestCost(100, 1, 0.5)) == 0.2
    assert chosen(LowestCost(1, 100, 0.5)) == 0.6
    assert str(LowestCost(10, 1, 0.5)) == "cost 10:1"
    assert str(MaxFar(0.01)) == "far<=0.01"


@pytest.mark.parametrize("seed", range(12))
def test_bisection_against_all_thresholds(seed) -> None:
    """Every figure and every choice, from the rates at all thresholds; ties, weights of 0, and copies at distance 0."""
    random = np.random.default_rng(seed)
    pairs = measured(5, 4, seed, spread=0.9)
    pairs.distances[:] = np.round(pairs.distances, 1 + seed % 3) - (0.3 if seed % 2 else 0)
    pairs.distances.clip(0, 2, out=pairs.distances)
    weights = random.integers(0, 3, len(pairs.same)).astype(np.float64)
    rates = ErrorRates(pairs)
    curves = rates.curves(weights)
    under = pairs.distances <= rates.thresholds[:, None]
    far = (under * weights * ~pairs.same).sum(axis=1) / (weights * ~pairs.same).sum()
    frr = 1 - (under * weights * pairs.same).sum(axis=1) / (weights * pairs.same).sum()
    assert curves.far.tolist() == far.tolist()
    assert curves.frr.tolist() == frr.tolist()
    for rate in (0.001, 0.01, 0.1, far[len(far) // 2], 0.9):
        assert MaxFar(rate).choose(curves) == np.flatnonzero(np.append(True, far <= rate))[-1] - 1
    assert EqualErrors().choose(curves) == np.argmin(np.abs(far - frr))
    for rule in (LowestCost(1, 1, 0.5), LowestCost(10, 1, 0.5), LowestCost(1, 10, 0.2), LowestCost(1000, 1, 0.9)):
        cost = rule.prior * rule.false_reject * frr + (1 - rule.prior) * rule.false_accept * far
        best = np.argmin(cost)
        assert rule.choose(curves) == (best if cost[best] < rule.prior * rule.false_reject else -1)
    after = int(np.argmax(far >= frr))
    if after == 0:
        assert curves.eer == (far[0] + frr[0]) / 2
    else:
        gaps = (frr - far)[after - 1 : after + 1]
        assert curves.eer == pytest.approx(np.interp(0, -gaps, far[after - 1 : after + 1]), abs=1e-12)
    both = [(d, s, w) for d, s, w in zip(pairs.distances, pairs.same, weights, strict=True)]
    won = sum(w * v * ((d < e) + (d == e) / 2) for d, s, w in both for e, t, v in both if s and not t)
    assert curves.auc == pytest.approx(won / sum(w * v for _, s, w in both for _, t, v in both if s and not t))


def test_no_threshold_if_copies_are_different_pairs() -> None:
    rates = ErrorRates(of([0.1, 0.2], [0.0, 0.0, 0.9]))
    curves = rates.curves()
    assert MaxFar(0.5).choose(curves) == -1
    assert LowestCost(1000, 1, 0.5).choose(curves) == -1


def test_a_table_matches_the_curves_at_its_knots() -> None:
    pairs = measured(30, 6, 0)
    rates = ErrorRates(pairs)
    curves = rates.curves()
    knots = rates.knots(1234)
    assert 1234 in knots
    assert len(knots) < 700
    table = rates.table(curves, knots)
    assert table.distances[0] == 0
    assert table.distances[-1] == 2
    for distance, far, frr in zip(table.distances, table.far, table.frr, strict=True):
        assert far == pytest.approx(np.mean(pairs.distances[~pairs.same] <= distance))
        assert frr == pytest.approx(np.mean(pairs.distances[pairs.same] > distance))
    middle = np.random.default_rng(0).uniform(0.2, 1.8, 50)
    for distance in middle:
        true = np.mean(pairs.distances[~pairs.same] <= distance)
        assert np.interp(distance, table.distances, table.far) == pytest.approx(true, abs=0.01)
