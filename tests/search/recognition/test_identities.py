"""Identification against loops: the nearest identity, the open-set threshold, and what is refused."""

import math

import numpy as np
import pytest

from search import IndexFolderError, QueryError
from search.config import IdentifyConfig
from search.recognition.identities import Decider, Gallery, open_set_threshold
from search.store.records import TemplateRecord
from tests.people import calibration

DIM = 8


def template(name: str, vector: np.ndarray, number: int = 0) -> TemplateRecord:
    row = (vector / np.linalg.norm(vector)).astype("<f4")
    return TemplateRecord(name, f"{name}{number}", f"{name}{number}.png", row.tobytes(), {}, f"2026-01-0{number + 1}")  # type: ignore[arg-type]


def gallery(seed: int = 0, people: int = 6, each: int = 3) -> Gallery:
    random = np.random.default_rng(seed)
    return Gallery([template(f"p{n}", random.normal(size=DIM), i) for n in range(people) for i in range(each)], DIM)


@pytest.mark.parametrize("references", ["best", "mean"])
def test_candidates_are_those_of_a_loop(references: str) -> None:
    everybody, random = gallery(), np.random.default_rng(1)
    for _ in range(20):
        probe = random.normal(size=DIM).astype(np.float32)
        probe /= np.linalg.norm(probe)
        expected = []
        for name in everybody.names:
            mine = [everybody.vectors[row].astype(float) for row in everybody.rows[name]]
            if references == "best":
                distance = min(math.dist(probe, each) for each in mine)
            else:
                middle = np.mean(mine, axis=0)
                distance = math.dist(probe, middle / np.linalg.norm(middle))
            expected.append((distance, name))
        found = everybody.candidates(probe, references, None)  # type: ignore[arg-type]
        assert [each.name for each in found] == [name for _, name in sorted(expected)]
        assert [each.distance for each in found] == pytest.approx([d for d, _ in sorted(expected)], abs=1e-6)


def test_known_and_stranger() -> None:
    known, other = np.eye(DIM)[0], np.eye(DIM)[1]
    decider = Decider("i", Gallery([template("Ada", known)], DIM), calibration("f"), IdentifyConfig())  # type: ignore[arg-type]
    near = (known + 0.05 * other).astype(np.float32)
    assert decider.decide(near / np.linalg.norm(near)).name == "Ada"
    stranger = decider.decide(other.astype(np.float32))
    assert stranger.name is None
    assert stranger.nearest.name == "Ada"
    assert stranger.nearest.distance == pytest.approx(math.sqrt(2))
    assert stranger.nearest.probability == pytest.approx(1 / (1 + math.exp(-(8 - 20 * math.sqrt(2)))))


@pytest.mark.parametrize("comparisons", [1, 2, 20, 300])
def test_the_open_set_threshold_lets_few_strangers_in(comparisons: int) -> None:
    """Strangers whose distances to everybody are independent draws of the calibration's different pairs."""
    made = calibration("f", threshold=1.0)  # FAR at distance d is d - 0.1
    found = open_set_threshold(made, comparisons, 0.05)
    assert found.false_accept is not None
    assert found.false_accept <= 0.05 + 1e-12
    random = np.random.default_rng(2)
    nearest = np.min(0.1 + random.random((20_000, comparisons)), axis=1)
    assert np.mean(nearest <= found.distance) == pytest.approx(found.false_accept, abs=0.006)


def test_the_threshold_is_never_looser_than_that_of_verification() -> None:
    made = calibration("f", threshold=0.2)
    assert open_set_threshold(made, 1, 0.9).distance == 0.2
    assert open_set_threshold(made, 1).distance == pytest.approx(0.2)
    assert open_set_threshold(made, 50).distance < 0.2


def test_what_the_pairs_cannot_tell_is_refused_or_told() -> None:
    few = calibration("f", different_pairs=100)
    with pytest.raises(QueryError, match="different pairs, and this one has 100"):
        open_set_threshold(few, 10, 0.001)
    with pytest.raises(QueryError, match="too few for a threshold for strangers"):
        open_set_threshold(calibration("f", different_pairs=3), 10)
    default = open_set_threshold(few, 1000)
    assert default.false_accept is not None
    assert default.false_accept > few.far.value  # as near to it as its pairs can tell, and it says so


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(QueryError, match="share of strangers"):
        open_set_threshold(calibration("f"), 3, share)


def test_nobody_can_be_told_without_a_gallery_or_a_threshold() -> None:
    with pytest.raises(QueryError, match="no identity is enrolled"):
        Decider("i", Gallery([], DIM), calibration("f"), IdentifyConfig())  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="twinlens calibrate"):
        Decider("i", gallery(), None, IdentifyConfig())  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="from 0 to 2"):
        Decider("i", gallery(), None, IdentifyConfig(threshold=3))  # type: ignore[arg-type]
    by_hand = Decider("i", gallery(), None, IdentifyConfig(threshold=2, k=100))  # type: ignore[arg-type]
    found = by_hand.decide(gallery().vectors[4])
    assert (found.name, found.nearest.distance, found.threshold.false_accept) == ("p1", 0.0, None)
    assert len(found.candidates) == 6


@pytest.mark.parametrize("damage", [b"", b"\x00" * 4 * DIM, b"\xff" * 4 * DIM, b"\x01" * 3])
def test_a_damaged_embedding_is_named(damage: bytes) -> None:
    broken = TemplateRecord("Ada", "c", "ada.png", damage, {}, "2026")  # type: ignore[arg-type]
    with pytest.raises(IndexFolderError, match=r"ada\.png, a reference picture of 'Ada'"):
        Gallery([broken], DIM)


def test_a_large_gallery_in_any_order_of_templates() -> None:
    random = np.random.default_rng(3)
    mixed = [template(f"p{n % 700:03}", random.normal(size=DIM), n % 9) for n in random.permutation(2000)]
    everybody = Gallery(mixed, DIM)
    probe = everybody.vectors[17]
    nearest: dict[str, float] = {}
    for each in mixed:
        distance = math.dist(probe, np.frombuffer(each.vector, "<f4"))
        nearest[each.identity] = min(distance, nearest.get(each.identity, 2.0))
    made = calibration("f")
    found = everybody.candidates(probe, "best", made)
    assert {each.name: each.distance for each in found} == pytest.approx(nearest, abs=1e-6)
    for each in found[::50]:
        assert each.probability == pytest.approx(float(made.probability(each.distance)))
    assert [(each.distance, each.name) for each in found] == sorted((each.distance, each.name) for each in found)
