from __future__ import annotations

import json
import math

import numpy as np
import pytest

from search.errors import DataError, QueryError
from search.recognition.calibration import (
    Calibration,
    ErrorRate,
    RateTable,
    Verification,
    lowest_rate,
    pairs_for,
    reference_distance,
    verify_vectors,
)
from search.recognition.probability_maps import IsotonicMap, LogisticMap, map_from_dict


def made(**changes: object) -> Calibration:
    values = {
        "fingerprint": "f" * 32,
        "threshold": 0.8,
        "rule": "far<=0.01",
        "far": ErrorRate(0.01, 0.0, 0.03),
        "frr": ErrorRate(0.2, 0.1, 0.3),
        "probability_map": LogisticMap(8.0, -10.0),
        "prior": 0.5,
        "rates": RateTable((0.0, 0.5, 0.8, 1.0, 2.0), (0.0, 0.0, 0.01, 0.1, 1.0), (1.0, 0.6, 0.2, 0.05, 0.0)),
        "eer": ErrorRate(0.07, 0.05, 0.09),
        "auc": ErrorRate(0.97, 0.9, 0.99),
        "ece": ErrorRate(0.02, 0.01, 0.05),
        "same_pairs": 100,
        "different_pairs": 1000,
        "subjects": 20,
        "data": "faces",
        "created": "2026-01-01",
    }
    return Calibration(**(values | changes))  # type: ignore[arg-type]


def test_a_distance_at_the_threshold_is_the_same() -> None:
    calibration = made()
    assert calibration.same(0.8)
    assert not calibration.same(math.nextafter(0.8, 1))


def test_the_logistic_map_is_the_formula() -> None:
    distances = np.array([[0.0, 0.7], [0.8, 2.0]])
    found = made().probability(distances)
    assert found.shape == (2, 2)
    for distance, probability in zip(distances.ravel(), found.ravel(), strict=True):
        assert probability == pytest.approx(1 / (1 + math.exp(-(8 - 10 * distance))))
    assert LogisticMap(1e6, -1e6)([0.0, 2.0]).tolist() == pytest.approx([1.0, 0.0])


def test_the_isotonic_map_is_straight_between_knots_and_level_beyond() -> None:
    found = IsotonicMap((0.5, 1.0), (0.9, 0.1))([0.0, 0.5, 0.75, 1.0, 2.0])
    assert found == pytest.approx([0.9, 0.9, 0.5, 0.1, 0.1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticMap(0.0, 1.0),
        lambda: LogisticMap(math.nan, -1.0),
        lambda: IsotonicMap((), ()),
        lambda: IsotonicMap((1.0, 0.5), (0.9, 0.1)),
        lambda: IsotonicMap((0.5, 1.0), (0.1, 0.9)),
        lambda: IsotonicMap((0.5, 1.0), (1.1, 0.9)),
        lambda: map_from_dict({"method": "magic"}),
        lambda: ErrorRate(0.5, 0.6, 0.7),
        lambda: ErrorRate(1.5),
        lambda: RateTable((0.0, 2.0), (1.0, 0.0), (1.0, 0.0)),
        lambda: RateTable((0.1, 2.0), (0.0, 1.0), (1.0, 0.0)),
        lambda: RateTable((0.0, 2.0), (0.0, 1.5), (1.0, 0.0)),
        lambda: made(threshold=2.5),
        lambda: made(threshold=math.nan),
        lambda: made(prior=1.0),
        lambda: made(different_pairs=0),
    ],
)
def test_nonsense_is_refused(make: object) -> None:
    with pytest.raises(DataError):
        make()  # type: ignore[operator]


def test_rates_between_knots_and_thresholds_on_the_safe_side() -> None:
    calibration = made()
    assert calibration.far_at(0.9) == pytest.approx(0.055)
    assert calibration.frr_at(0.65) == pytest.approx(0.4)
    assert calibration.far_at(1.99) < 1 == calibration.far_at(2.0)
    assert calibration.threshold_at(0.01) == 0.8
    assert calibration.threshold_at(0.09) == 0.8
    assert calibration.threshold_at(0.1) == 1.0
    with pytest.raises(QueryError, match="3000 different pairs"):
        calibration.threshold_at(0.001)
    with pytest.raises(QueryError, match="between 0 and 1"):
        calibration.threshold_at(1.0)
    twins = made(rates=RateTable((0.0, 2.0), (0.05, 1.0), (1.0, 0.0)))
    with pytest.raises(QueryError, match="distance 0"):
        twins.threshold_at(0.02)


@pytest.mark.parametrize("probability_map", [LogisticMap(8.0, -10.0), IsotonicMap((0.1, 0.7), (0.9, 0.3))])
def test_json_and_back(probability_map: object) -> None:
    calibration = made(probability_map=probability_map)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    assert "rates" not in calibration.summary()


@pytest.mark.parametrize("key", sorted(set(made().to_dict()) - {"method"}))
def test_damaged_json_is_refused(key: str) -> None:
    whole = made().to_dict()
    for damage in (None, "x", [], {}, True, -1, math.nan):
        if key in {"rule", "data", "created", "fingerprint"} and damage == "x":
            continue
        if key == "format" and damage is True:  # True == 1 in Python, and in no JSON that was written
            continue
        with pytest.raises(DataError):
            Calibration.from_dict(whole | {key: damage})
    with pytest.raises(DataError):
        Calibration.from_dict({k: v for k, v in whole.items() if k != key})


@pytest.mark.parametrize("foreign", [None, [], "x", {}, {"a": 1}])
def test_foreign_json_is_refused(foreign: object) -> None:
    with pytest.raises(DataError, match="not a calibration"):
        Calibration.from_dict(foreign)


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_mean_and_best_of_several_references() -> None:
    probe, references = unit((1, 0))[0], unit((1, 1), (1, -1), (0, 1))
    assert reference_distance(probe, references[:1]) == pytest.approx(math.sqrt(2 - math.sqrt(2)))
    assert reference_distance(probe, references[:2], "mean") == pytest.approx(0, abs=1e-6)
    assert reference_distance(probe, references, "best") == pytest.approx(math.sqrt(2 - math.sqrt(2)))
    assert reference_distance(probe, references[2:], "best") == pytest.approx(math.sqrt(2))
    with pytest.raises(QueryError, match="at least one"):
        reference_distance(probe, references[:0])
    with pytest.raises(QueryError, match="cancel"):
        reference_distance(probe, unit((1, 0), (-1, 0)))
    with pytest.raises(QueryError, match="magic"):
        reference_distance(probe, references, "magic")  # type: ignore[arg-type]


def test_a_verification_says_what_the_calibration_knows() -> None:
    probe, reference = unit((1, 0))[0], unit((1, 0.5))
    calibration = made()
    found = verify_vectors(probe, reference, calibration)
    assert found.distance == pytest.approx(float(np.linalg.norm(probe - reference[0])))
    assert found.probability == pytest.approx(1 / (1 + math.exp(-(8 - 10 * found.distance))))
    assert (found.same, found.threshold, found.far, found.frr) == (True, 0.8, calibration.far, calibration.frr)
    assert json.loads(json.dumps(found.to_dict()))["far"] == {"value": 0.01, "low": 0.0, "high": 0.03}
    plain = verify_vectors(probe, reference)
    assert plain == Verification(found.distance)
    assert plain.to_dict()["same"] is None


@pytest.mark.parametrize(("pairs", "rate"), [(300, 0.01), (448, 0.0067), (3000, 0.001), (299, 0.011), (10, 0.3)])
def test_the_rule_of_three(pairs: int, rate: float) -> None:
    assert lowest_rate(pairs) == rate
    assert pairs_for(rate) <= pairs
    assert (1 - rate) ** pairs <= 0.05, "a rate so high would have shown with 95 % confidence"


def test_pairs_for_a_rate() -> None:
    assert [pairs_for(rate) for rate in (0.01, 0.001, 0.3, 0.05)] == [300, 3000, 10, 60]
