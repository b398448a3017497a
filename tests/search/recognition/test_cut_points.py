"""Cut-points: the words for distances, and how they are read from a card."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from search import DataError
from search.recognition.confidence import Confidence
from search.recognition.cut_points import CARD_KEY, STRENGTHS, CutPoints
from tests.people import calibration

POINTS = CutPoints(0.35, 0.7, 0.9)


def slow_word(distance: float, points: CutPoints) -> str:
    if distance <= points.near_copy:
        return "near copy"
    if distance <= points.very_similar:
        return "very similar"
    return "similar" if distance <= points.similar else "weak"


@pytest.mark.parametrize("points", [POINTS, CutPoints(0, 0, 0), CutPoints(0.5, 0.5, 0.5), CutPoints(0.1, 0.1, 2)])
def test_words_match_a_slow_loop(points: CutPoints) -> None:
    random = np.random.default_rng(0)
    edges = np.array(points.edges, dtype=np.float32)
    around = [np.nextafter(edges, np.float32(0)), edges, np.nextafter(edges, np.float32(3))]
    distances = np.clip(np.concatenate([random.uniform(0, 2, 500).astype(np.float32), *around, [0, 2]]), 0, 2)
    words = points.strengths(distances.tolist())
    assert words == [slow_word(float(distance), points) for distance in distances]
    assert points.strengths([]) == []


def test_a_distance_at_a_cut_point_is_within_it() -> None:
    points = CutPoints(0.25, 0.5, 1.0)  # exact in float32 too
    assert points.strengths([0.0, 0.25, 0.5, 1.0, 2.0]) == ["near copy", "near copy", "very similar", "similar", "weak"]
    beyond = [math.nextafter(edge, 3) for edge in points.edges]
    assert points.strengths(beyond) == ["very similar", "similar", "weak"]


def test_missing_neighbours_are_padded_with_infinity() -> None:
    chances, words = Confidence(None, POINTS).of(np.array([0.1, np.inf], dtype=np.float32))
    assert list(chances) == [None, None]
    assert list(words) == ["near copy", "weak"]


def test_a_probability_takes_the_place_of_the_word() -> None:
    chances, words = Confidence(calibration("made", 0.5), POINTS).of(np.array([0.1, np.inf], dtype=np.float32))
    assert list(words) == [None, None]
    assert all(chance is not None and 0 <= chance <= 1 for chance in chances)
    assert Confidence().of(np.array([0.1], dtype=np.float32)) == ([None], [None])


@pytest.mark.parametrize("edges", [(0.5, 0.4, 0.9), (0.1, 0.9, 0.8), (-0.1, 0.2, 0.3), (0.1, 0.2, 2.1)])
def test_invalid_cut_points(edges: tuple[float, float, float]) -> None:
    with pytest.raises(DataError, match="not ascending"):
        CutPoints(*edges)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_is_invalid(place: int) -> None:
    edges = [0.1, 0.2, 0.3]
    edges[place] = math.nan
    with pytest.raises(DataError, match="not ascending"):
        CutPoints(*edges)


def test_they_come_back_from_a_card() -> None:
    card = {"recipe": "x", CARD_KEY: {**POINTS.to_card(), "measured_on": ["photos"]}}
    assert CutPoints.of_card(json.loads(json.dumps(card))) == POINTS
    assert list(POINTS.to_card()) == list(STRENGTHS[:-1])


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        "near copy",
        [],
        {},
        {"near copy": 0.1, "very similar": 0.2},
        {"near copy": 0.1, "very similar": 0.2, "similar": "0.3"},
        {"near copy": 0.1, "very similar": 0.2, "similar": True},
        {"near copy": 0.1, "very similar": 0.2, "similar": None},
        {"near copy": 0.1, "very similar": 0.2, "similar": math.nan},
        {"near copy": 0.1, "very similar": 0.2, "similar": 10**400},
        {"near copy": 0.3, "very similar": 0.2, "similar": 0.4},
    ],
    ids=repr,
)
def test_a_card_without_valid_cut_points_has_none(stored: object) -> None:
    assert CutPoints.of_card({CARD_KEY: stored}) is None
    assert CutPoints.of_card({}) is None
