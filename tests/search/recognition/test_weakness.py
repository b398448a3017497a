"""What a calibration says about itself, and what its probabilities assume if it is weak."""

from __future__ import annotations

import json

import numpy as np
import pytest

from search.recognition.calibration import Calibration, ErrorRate, RateTable, verify_vectors
from search.recognition.probability_maps import IsotonicMap, LogisticMap
from search.recognition.weakness import cautions, is_weak, proposals
from tests.search.recognition.test_calibration import made

WEAK = {
    "frr": ErrorRate(0.72, 0.7, 0.75),
    "eer": ErrorRate(0.3),
    "subjects": 101,
    "rates": RateTable(
        (0.0, 0.5, 0.8, 0.9, 1.0, 1.1, 2.0),
        (0.0, 0.0, 0.01, 0.04, 0.09, 0.3, 1.0),
        (1.0, 0.9, 0.72, 0.6, 0.48, 0.3, 0.0),
    ),
}


@pytest.mark.parametrize(
    ("changes", "weak", "says"),
    [
        ({}, False, []),
        ({"frr": ErrorRate(0.5)}, False, []),
        ({"frr": ErrorRate(0.501)}, True, ["50% of the same pairs are rejected"]),
        ({"eer": ErrorRate(0.21)}, True, ["equal error rate is 0.21"]),
        ({"ece": ErrorRate(0.06)}, False, ["off by 0.060"]),
        ({"ece": ErrorRate(0.11)}, True, ["off by 0.110"]),
        ({"subjects": 19}, False, ["19 subjects"]),
        (WEAK | {"subjects": 8, "ece": ErrorRate(0.2)}, True, ["72%", "0.3;", "off by 0.200", "8 subjects"]),
    ],
)
def test_a_calibration_knows_where_it_is_weak(changes: dict[str, object], weak: bool, says: list[str]) -> None:
    calibration = made(**changes)
    assert calibration.weak is weak
    assert len(calibration.cautions) == len(says)
    assert all(part in caution for part, caution in zip(says, calibration.cautions, strict=True))
    summary = calibration.summary()
    assert (summary["weak"], summary["cautions"]) == (weak, list(calibration.cautions))
    assert not {"weak", "cautions"} & calibration.to_dict().keys(), "they follow from what is stored"
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))).cautions == calibration.cautions


def test_the_prior_of_a_weak_calibration_is_one_in_its_subjects() -> None:
    strong, weak = made(subjects=101), made(**WEAK)
    assert (strong.answer_prior, weak.answer_prior) == (0.5, 1 / 101)
    distances = np.array([[0.2, 0.5], [0.8, 2.0]])
    for distance, probability in zip(distances.ravel(), weak.probability(distances).ravel(), strict=True):
        likelihood_ratio = np.exp(8 - 10 * distance)  # the prior of the map is 0.5
        expected = likelihood_ratio / 101 / (likelihood_ratio / 101 + 100 / 101)
        assert probability == pytest.approx(expected)
    assert made(**WEAK, prior=0.001).answer_prior == 0.001, "the smaller of the two"
    assert made(**WEAK | {"subjects": 1}).answer_prior == 0.5
    rare = made(**WEAK, prior=0.2, probability_map=LogisticMap(8.0 + np.log(0.25), -10.0))
    assert rare.probability(distances) == pytest.approx(weak.probability(distances))


def test_certain_probabilities_stay_certain() -> None:
    weak = made(**WEAK, probability_map=IsotonicMap((0.1, 0.7), (1.0, 0.0)))
    assert weak.probability([0.0, 0.4, 1.0]).tolist() == [1.0, pytest.approx(1 / 101), 0.0]


def test_proposals_reject_at_most_half() -> None:
    calibration = made(**WEAK)
    low, equal = calibration.proposals
    assert low.to_dict() == {"option": "--max-far 0.1", "threshold": 1.0, "far": 0.09, "frr": 0.48}
    assert equal.to_dict() == {"option": "--eer", "threshold": 1.1, "far": 0.3, "frr": 0.3}
    assert (
        "calibrate again with --max-far 0.1 (FAR 0.09, FRR 0.48) or --eer (FAR 0.3, FRR 0.3)" in calibration.cautions[0]
    )
    assert made().proposals == ()
    few = made(**WEAK | {"different_pairs": 25}).proposals
    assert few[0].option == "--max-far 0.2", "25 pairs support no rate below 0.12"
    assert made(**WEAK | {"different_pairs": 12}).proposals == (equal,), "12 pairs support no rate below 0.25"
    chance = proposals((0.0, 1.0, 2.0), (0.1, 0.6, 1.0), (0.9, 0.55, 0.0), 0.001)
    assert chance == ()
    assert cautions(frr=0.9, eer=0.1, ece=0.0, subjects=50, better=chance) == (
        "at its threshold 90% of the same pairs are rejected",
    )


def test_a_verification_carries_the_cautions() -> None:
    probe, reference = np.array([1, 0], dtype=np.float32), np.array([[0.8, 0.6]], dtype=np.float32)
    weak = verify_vectors(probe, reference, made(**WEAK))
    assert (weak.same, weak.weak, weak.cautions) == (True, True, made(**WEAK).cautions)
    assert weak.prior == pytest.approx(1 / 101)
    assert weak.probability is not None
    assert weak.probability < 0.1 < verify_vectors(probe, reference, made()).probability  # type: ignore[operator]
    plain = json.loads(json.dumps(weak.to_dict()))
    assert (plain["weak"], plain["cautions"]) == (True, list(weak.cautions))
    without = verify_vectors(probe, reference)
    assert (without.prior, without.weak, without.cautions) == (None, None, ())


def test_rates_that_are_good_enough_are_not_weak() -> None:
    assert not is_weak(frr=0.5, eer=0.2, ece=0.1)
