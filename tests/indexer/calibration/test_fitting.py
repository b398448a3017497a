import numpy as np
import pytest

from indexer.calibration import fitting
from indexer.calibration.calibration_error import HALVES, held_out, reliability
from indexer.calibration.fitting import fit, fit_isotonic, fit_logistic, targets_for, weights_for
from tests.indexer.calibration.simulated import measured


def drawn(count, seed, intercept=6.0, slope=-8.0):
    random = np.random.default_rng(seed)
    distances = random.uniform(0.2, 1.4, count)
    return distances, random.random(count) < 1 / (1 + np.exp(-(intercept + slope * distances)))


def test_logistic_recovers_the_parameters_of_simulated_data() -> None:
    distances, same = drawn(60_000, 0)
    found = fit_logistic(distances, same, float(np.mean(same)))
    assert found.intercept == pytest.approx(6, abs=0.15)
    assert found.slope == pytest.approx(-8, abs=0.2)


def test_another_prior_shifts_the_log_odds() -> None:
    distances, same = drawn(60_000, 0)
    share = float(np.mean(same))
    plain, rare = fit_logistic(distances, same, share), fit_logistic(distances, same, 0.01)
    shift = np.log(0.01 / 0.99) - np.log(share / (1 - share))
    odds = [np.log(p / (1 - p)) for p in (plain(0.8), rare(0.8))]
    assert odds[1] - odds[0] == pytest.approx(shift, abs=0.3)


def test_logistic_is_the_minimum_of_its_loss() -> None:
    distances, same = drawn(500, 1)
    found = fit_logistic(distances, same, 0.3)

    def loss(intercept, slope):
        weights, targets = weights_for(same, 0.3), targets_for(same)
        chances = 1 / (1 + np.exp(-(intercept + slope * distances)))
        return -float(weights @ (targets * np.log(chances) + (1 - targets) * np.log(1 - chances)))

    least = loss(found.intercept, found.slope)
    for dx, dy in [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.5, -0.5)]:
        assert loss(found.intercept + dx, found.slope + dy) > least


def test_logistic_stops_at_the_precision_of_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where distances say little, no step lowers the loss by more than it is rounded; 2,687 losses were computed."""
    calls = []
    monkeypatch.setattr(fitting, "_loss", lambda *terms, loss=fitting._loss: calls.append(1) or loss(*terms))
    for seed in (0, 2, 9, 29):
        same = np.arange(5_000) < 100
        distances = np.random.default_rng(seed).uniform(0, 2, 5_000) - 0.02 * same
        calls.clear()
        found = fit_logistic(distances, same, 0.5)
        assert len(calls) <= 10
        if found.slope:
            missed = weights_for(same, 0.5) * (found(distances) - targets_for(same))
            assert [missed.sum(), missed @ distances] == pytest.approx([0, 0], abs=1e-10)  # the gradient


def test_logistic_does_not_search_below_the_rounding_of_a_long_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of 200,000 pairs is rounded by more than the precision of one number; 2,900 losses were computed."""
    calls = []

    def rounded(*terms, loss=fitting._loss):
        calls.append(1)
        return loss(*terms) + 1e-13 * len(calls)

    monkeypatch.setattr(fitting, "_loss", rounded)
    for seed in range(100):
        distances, same = drawn(500, seed)
        calls.clear()
        found = fit_logistic(distances, same, 0.5)
        assert len(calls) <= 10
        missed = weights_for(same, 0.5) * (found(distances) - targets_for(same))
        assert [missed.sum(), missed @ distances] == pytest.approx([0, 0], abs=1e-10)


def test_separated_pairs_give_a_finite_map() -> None:
    distances, same = np.array([0.1, 0.2, 0.3, 1.0, 1.1, 1.2]), np.array([True] * 3 + [False] * 3)
    found = fit_logistic(distances, same, 0.5)
    assert np.isfinite([found.intercept, found.slope]).all()
    assert found(0.2) > 0.7 > 0.3 > found(1.1)


def test_uninformative_distances_give_the_prior() -> None:
    distances, same = np.array([0.1, 0.2, 1.0, 1.1]), np.array([False, False, True, True])
    assert fit_logistic(distances, same, 0.3)([0.1, 1.1]) == pytest.approx([0.3, 0.3])
    assert fit_logistic(np.full(4, 0.5), same, 0.3)(0.5) == pytest.approx(0.3)
    assert fit_isotonic(np.full(4, 0.5), same, 0.5)(0.5) == pytest.approx(0.5)


def test_isotonic_against_pooling_by_hand() -> None:
    distances = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    same = np.array([True, False, True, True, False, False])
    targets = targets_for(same)  # 0.8 and 0.2
    assert targets.tolist() == [0.8, 0.2, 0.8, 0.8, 0.2, 0.2]
    found = fit_isotonic(distances, same, 0.5)
    assert found(distances) == pytest.approx([0.8, 0.6, 0.6, 0.6, 0.2, 0.2])


def test_isotonic_in_any_order_and_with_ties() -> None:
    from sklearn.isotonic import IsotonicRegression

    random = np.random.default_rng(0)
    distances, same = drawn(400, 4)
    distances = np.round(distances, 2)
    order = random.permutation(400)
    found = fit_isotonic(distances, same, 0.2)
    assert fit_isotonic(distances[order], same[order], 0.2)(distances) == pytest.approx(found(distances), abs=1e-12)
    reference = IsotonicRegression(increasing=False).fit(distances, targets_for(same), weights_for(same, 0.2))
    assert found(distances) == pytest.approx(reference.predict(distances), abs=1e-12)


def test_expected_calibration_error_by_hand() -> None:
    probabilities = np.array([0.0, 0.1, 0.5, 0.6, 1.0])
    same = np.array([False, True, True, False, True])
    weights = np.array([1.0, 1, 1, 1, 4])
    found = reliability(probabilities, same, weights, bins=2)
    assert found.mass == pytest.approx([3 / 8, 5 / 8])  # 0.5 belongs to the first
    assert found.predicted == pytest.approx([0.2, (0.6 + 4) / 5])
    assert found.true == pytest.approx([2 / 3, 4 / 5])
    assert found.error == pytest.approx(3 / 8 * (2 / 3 - 0.2) + 5 / 8 * (0.92 - 0.8))


def test_a_correct_map_has_no_error() -> None:
    distances, same = drawn(50_000, 3)
    chances = 1 / (1 + np.exp(-(6 - 8 * distances)))
    assert reliability(chances, same, np.ones(len(same))).error < 0.01


def test_held_out_error_is_measured_on_other_subjects() -> None:
    pairs = measured(16, 4, 0)
    found = held_out(pairs, "logistic", 0.5, 0)
    assert found is not None
    assert len(found.errors) == 80
    assert found.error == pytest.approx(np.mean(found.errors))
    assert 0 < found.error < 0.2
    assert found.errors == held_out(pairs, "logistic", 0.5, 0).errors
    alone = pairs.take((pairs.one == 0) | (pairs.other == 0))  # every different pair has the subject 0
    assert held_out(alone, "logistic", 0.5, 0) is None


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_held_out_against_a_loop(method) -> None:
    pairs, random, errors, heard = measured(10, 4, 3), np.random.default_rng(7), [], []
    found = held_out(pairs, method, 0.4, 7, heard.append)
    assert heard == [1] * HALVES
    for _ in range(HALVES // 2):
        first = set(np.flatnonzero(random.permutation(10) < 5).tolist())
        for tested in (first, set(range(10)) - first):
            inside = [n for n, pair in enumerate(zip(pairs.one, pairs.other, strict=True)) if tested.issuperset(pair)]
            outside = [n for n, pair in enumerate(zip(pairs.one, pairs.other, strict=True)) if not tested & set(pair)]
            fitted = fit(method, pairs.distances[outside], pairs.same[outside], 0.4)
            truth = pairs.same[inside]
            errors.append(reliability(fitted(pairs.distances[inside]), truth, weights_for(truth, 0.4)).error)
    assert found.errors == pytest.approx(errors, abs=1e-9)
