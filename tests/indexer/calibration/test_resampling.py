import numpy as np
import pytest

from indexer.calibration.config import CalibrateConfig
from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.measure import measure
from indexer.calibration.resampling import rate_with_interval, resample
from indexer.calibration.rules import EqualErrors, LowestCost, MaxFar, Rule
from tests.indexer.calibration.simulated import all_pairs, measured, subjects


def test_weights_against_copied_subjects() -> None:
    """Copy every subject as often as it was drawn, pair all pictures, and count each original pair."""
    vectors, numbers = subjects(5, 3, 0)
    pairs = all_pairs(numbers)
    drawn = np.array([2, 0, 1, 3, 1])
    copies = [(picture, copy) for picture in range(len(numbers)) for copy in range(drawn[numbers[picture]])]
    counted = np.zeros((len(numbers), len(numbers)))
    for place, (one, first) in enumerate(copies):
        for other, second in copies[:place]:
            if numbers[one] != numbers[other] or first == second:
                counted[min(one, other), max(one, other)] += 1
    assert pairs.measured(vectors).weights(drawn).tolist() == counted[pairs.a, pairs.b].tolist()


def test_draws_against_a_loop() -> None:
    pairs = measured(8, 4, 1, spread=0.6)
    rates, rule = ErrorRates(pairs), MaxFar(0.1)
    knots = rates.knots()
    found = resample(pairs, rates, rule, knots, draws=25, seed=3)
    random = np.random.default_rng(3)
    far, frr = [], []
    for _ in range(25):
        drawn = random.integers(8, size=8).tolist()
        inside = [  # (distance, same), as often as the copies of both subjects meet
            (distance, same)
            for distance, same, one, other in zip(pairs.distances, pairs.same, pairs.one, pairs.other, strict=True)
            for _ in range(drawn.count(one) * (1 if one == other else drawn.count(other)))
        ]
        near = sorted(distance for distance, same in inside if not same)
        allowed = [d for d in (0.0, *pairs.distances) if np.mean(np.array(near) <= d) <= 0.1]
        threshold = max(allowed)
        out = [
            (distance, same)
            for distance, same, one, other in zip(pairs.distances, pairs.same, pairs.one, pairs.other, strict=True)
            if one not in drawn and other not in drawn
        ]
        if any(not same for _, same in out):
            far.append(np.mean([distance <= threshold for distance, same in out if not same]))
        if any(same for _, same in out):
            frr.append(np.mean([distance > threshold for distance, same in out if same]))
    assert found.new_far == pytest.approx(far)
    assert found.new_frr == pytest.approx(frr)
    assert found.far.shape == (25, len(knots))


@pytest.mark.parametrize("rule", [MaxFar(0.02), EqualErrors(), LowestCost(3, 1, 0.3)], ids=str)
@pytest.mark.parametrize("forged", [False, True])
def test_draws_against_weights_of_every_pair(rule: Rule, forged: bool) -> None:
    """The same draws give the same figures as weights of single pairs and rates at every threshold."""
    pairs = measured(9, 5, 2, spread=0.7)
    if forged:  # some different pairs are of one subject
        pairs.same[np.flatnonzero(pairs.same)[::3]] = False
    pairs.one[::2], pairs.other[::2] = pairs.other[::2].copy(), pairs.one[::2].copy()  # in either order
    rates = ErrorRates(pairs)
    knots, random = rates.knots(), np.random.default_rng(5)
    found = resample(pairs, rates, rule, knots, draws=30, seed=5)
    eer, auc, new_far, new_frr, far, frr = [], [], [], [], [], []
    for _ in range(30):
        drawn = np.bincount(random.integers(9, size=9), minlength=9)
        curves = rates.curves(pairs.weights(drawn))
        if curves is None:
            continue
        eer.append(curves.eer)
        auc.append(curves.auc)
        far.append(curves.far[knots])
        frr.append(curves.frr[knots])
        left_out = pairs.weights((drawn == 0).astype(np.int64))
        chosen = rule.choose(curves)
        new_far.append(rates.rate(left_out, chosen, same=False))
        new_frr.append(rates.rate(left_out, chosen, same=True))
    assert (list(found.eer), list(found.auc)) == (eer, auc)
    assert list(found.new_far) == [rate for rate in new_far if rate is not None]
    assert list(found.new_frr) == [rate for rate in new_frr if rate is not None]
    assert found.far.tolist() == [each.tolist() for each in far]
    assert found.frr.tolist() == [each.tolist() for each in frr]


def test_an_interval_contains_its_value() -> None:
    rate = rate_with_interval(0.5, [0.1 + n / 1000 for n in range(100)])
    assert (rate.low, rate.high) == (pytest.approx(0.102475), 0.5)
    assert rate_with_interval(0.5, [0.4]).low is None


def test_the_interval_covers_new_subjects() -> None:
    """Calibrate on 20 subjects and test on 20 others, many times: FAR and FRR lie in the stated intervals."""
    config = CalibrateConfig(resamples=60)
    covered = {"far": 0, "frr": 0}
    inside = 0
    for repeat in range(8):
        pairs = measured(20, 4, 100 + repeat)
        found = measure(pairs, config, prior=0.5, fingerprint="f", data="simulated").calibration
        new = measured(20, 4, 200 + repeat)
        accepted = new.distances <= found.threshold
        far, frr = np.mean(accepted[~new.same]), np.mean(~accepted[new.same])
        covered["far"] += found.far.low <= far <= found.far.high
        covered["frr"] += found.frr.low <= frr <= found.frr.high
        inside += far <= 0.01
        assert found.far.value <= 0.01
    assert covered["far"] >= 7
    assert covered["frr"] >= 7
    assert 1 <= inside <= 7, "the rate asked for is met on average, not each time"


def test_a_measurement_is_reproducible() -> None:
    config = CalibrateConfig(resamples=30, method="isotonic", eer=True)
    one, other = (
        measure(measured(8, 4, 0), config, prior=0.5, fingerprint="f", data="x").calibration for _ in range(2)
    )
    assert one.summary() | {"created": ""} == other.summary() | {"created": ""}
    assert one.rule == "eer"
    assert one.far.value == pytest.approx(one.frr.value, abs=0.05)
