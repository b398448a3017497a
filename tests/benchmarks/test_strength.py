"""How cut-points are chosen and measured, against slow loops, and the command from folders to card and page."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import strength
from benchmarks.strength_choice import (
    COPIES_WITHIN,
    OTHERS_WITHIN,
    RANKS,
    SIMILAR,
    VERY_SIMILAR,
    Neighbours,
    by_set,
    copy_cut_point,
    neighbours,
    shares,
    similar_cut_points,
)
from benchmarks.strength_page import joined
from benchmarks.strength_sets import LOOKS, MODELS, OTHER, sets_of
from search import CutPoints
from search.encoders.card import saved_card
from tests.conftest import draw
from tests.indexes_of_vectors import unit
from tests.search.encoders.made import checkpoint


def labelled(count: int = 60, labels: int = 6, seed: int = 0, spread: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres, classes = random.standard_normal((labels, 8)), np.sort(random.integers(labels, size=count))
    return unit(centres[classes] + spread * random.standard_normal((count, 8))), classes


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.float32(math.dist(a.astype(float), b.astype(float))))


def test_neighbours_match_a_slow_loop() -> None:
    vectors, classes = labelled()
    vectors[3] = vectors[4]
    found, at = neighbours(vectors, classes), 0
    for row in range(len(vectors)):
        if (classes == classes[row]).sum() == 1:
            continue
        order = sorted((apart(vectors[row], vectors[n]), n) for n in range(len(vectors)) if n != row)
        assert found.distances[at].tolist() == pytest.approx([distance for distance, _ in order[:RANKS]])
        assert found.right[at].tolist() == [classes[n] == classes[row] for _, n in order[:RANKS]]
        assert found.strange[at] == pytest.approx(min(d for d, n in order if classes[n] != classes[row]))
        assert found.classes[at] == classes[row]
        at += 1
    assert at == len(found.classes)


def test_a_label_with_one_picture_is_no_query() -> None:
    vectors, _ = labelled(4)
    found = neighbours(vectors, np.array([0, 0, 1, 2]))
    assert found.classes.tolist() == [0, 0]
    assert found.distances.shape == (2, 3)


def first_hits(distances: list[float], right: list[bool], classes: list[int] | None = None) -> Neighbours:
    columns = np.array(distances, dtype=np.float32)[:, None]
    labels = np.arange(len(distances)) if classes is None else np.array(classes)
    return Neighbours(columns, np.array(right)[:, None], labels, np.array(distances, dtype=np.float32) + 0.5)


def slow_farthest(sets: list[Neighbours], level: float) -> float:
    """By max-min over means of intervals, which defines the monotone least-squares fit."""
    points = sorted(
        (float(d), bool(r), 1 / len(each.classes))
        for each in sets
        for d, r in zip(each.distances[:, 0], each.right[:, 0], strict=True)
    )
    knots = sorted({d for d, _, _ in points})

    def mean(low: float, high: float) -> float:
        inside = [(r, w) for d, r, w in points if low <= d <= high]
        return sum(r * w for r, w in inside) / sum(w for _, w in inside)

    fitted = {
        at: min(max(mean(low, high) for high in knots if high >= at) for low in knots if low <= at) for at in knots
    }
    enough = [at for at in knots if fitted[at] >= level - 1e-12]
    return math.floor(enough[-1] * 100) / 100 if enough else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_cut_points_match_a_slow_fit(seed: int) -> None:
    random = np.random.default_rng(seed)
    sets = []
    for count in (7, 20, 13):
        distances = random.uniform(0.3, 1.3, count)
        sets.append(first_hits(distances.tolist(), (random.random(count) < 1.35 - distances).tolist()))
    very, similar = similar_cut_points(sets, 0.0)
    assert (very, similar) == (slow_farthest(sets, VERY_SIMILAR), slow_farthest(sets, SIMILAR))
    assert 0 <= very <= similar
    assert similar_cut_points(sets, 1.9) == (1.9, 1.9)


def test_cut_points_of_hits_that_are_all_right_or_all_wrong() -> None:
    distances = [0.4, 0.5, 0.777]
    assert similar_cut_points([first_hits(distances, [True] * 3)], 0.1) == (0.77, 0.77)
    assert similar_cut_points([first_hits(distances, [False] * 3)], 0.1) == (0.1, 0.1)


def test_the_cut_point_of_copies() -> None:
    copies, far = np.linspace(0.01, 1, 100), np.full(2000, 1.5)
    assert copy_cut_point([copies], [far]) == pytest.approx(COPIES_WITHIN)
    assert copy_cut_point([copies, copies / 2], [far, far]) < COPIES_WITHIN
    for tolerated in (0, int(OTHERS_WITHIN * 2000), 20):
        others = far.copy()
        others[:tolerated] = 0.32
        expected = COPIES_WITHIN if tolerated <= OTHERS_WITHIN * 2000 else 0.3
        assert copy_cut_point([copies], [far, others]) == pytest.approx(expected)
    assert copy_cut_point([copies], [np.zeros(10)]) == 0
    assert copy_cut_point([np.zeros(3)], [far]) == 0


def test_shares_match_a_slow_loop() -> None:
    sets = [neighbours(*labelled(seed=seed, labels=seed + 3)) for seed in (1, 2)]
    edges = (0.3, 0.7, 1.0)
    points = CutPoints(*edges)
    for word, share in zip(("near copy", "very similar", "similar", "weak"), shares(sets, edges), strict=True):
        means, total, right = [], 0.0, 0.0
        later_total, later_right, strange = 0.0, 0.0, []
        for each in sets:
            having = [row for row, d in enumerate(each.distances[:, 0]) if points.strengths([float(d)]) == [word]]
            means.append(len(having) / len(each.classes))
            total += len(having) / len(each.classes)
            right += sum(bool(each.right[row, 0]) for row in having) / len(each.classes)
            for d, r in zip(each.distances[:, 1:].ravel(), each.right[:, 1:].ravel(), strict=True):
                if points.strengths([float(d)]) == [word]:
                    later_total += 1 / each.right[:, 1:].size
                    later_right += r / each.right[:, 1:].size
            strange.append(np.mean([points.strengths([float(d)]) == [word] for d in each.strange]))
        assert share.queries == pytest.approx(np.mean(means))
        assert share.strange == pytest.approx(np.mean(strange))
        assert share.later == (pytest.approx(later_right / later_total) if later_total else None)
        if not total:
            assert share.right is None
            continue
        assert share.right.value == pytest.approx(right / total)
        if share.right.interval is not None:
            assert 0 <= share.right.low <= share.right.value <= share.right.high <= 1
    assert sum(share.queries for share in shares(sets, edges)) == pytest.approx(1)
    assert sum(share.strange for share in shares(sets, edges)) == pytest.approx(1)


def test_shares_by_collection() -> None:
    of = first_hits([0.1, 0.3, 0.31, 0.9], [True, True, False, False])
    assert by_set({"made": of}, (0.2, 0.5, 0.6)) == {"made": [(1, 1.0), (2, 0.5), (0, None), (1, 0.0)]}


def test_halves_share_no_label() -> None:
    found = neighbours(*labelled())
    even, odd = found.half(0), found.half(1)
    assert not {*even.classes.tolist()} & {*odd.classes.tolist()}
    assert len(even.classes) + len(odd.classes) == len(found.classes)


def make_set(datasets: Path, name: str, labels: int, each: int) -> None:
    for label in range(labels):
        for number in range(each):
            path = datasets / "varied" / name / f"label{label}" / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(1000 * label + number // 2, (48 + number, 40)).save(path)


def test_pictures_of_a_set(tmp_path: Path) -> None:
    make_set(tmp_path, "things", 12, 4)
    make_set(tmp_path, "cards53", 2, 25)
    sets = {each.title: each for each in sets_of(tmp_path)}
    assert (sets["things"].kind, sets["cards53"].kind, sets["faces of 20 people"].kind) == (LOOKS, MODELS, OTHER)
    kinds = [each.kind for each in sets_of(tmp_path)]
    assert kinds == sorted(kinds, key=(LOOKS, MODELS, OTHER).index)
    few = sets["things"].pictures(tmp_path, 20)
    assert (len(few.paths), len(few.names)) == (20, 5)
    assert np.bincount(few.classes).tolist() == [4] * 5
    assert len(sets["things"].pictures(tmp_path, 1000).paths) == 48
    assert np.bincount(sets["cards53"].pictures(tmp_path, 1000).classes).tolist() == [20, 20]
    assert not sets["faces of 20 people"].pictures(tmp_path, 1000).paths


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command for an encoder and data sets that are made for it."""
    make_set(tmp_path / "datasets", "things", 8, 4)
    make_set(tmp_path / "datasets", "eth80", 4, 4)
    (tmp_path / "encoder").mkdir()
    checkpoint().save(tmp_path / "encoder")
    for number in range(4):
        path = tmp_path / "data" / "sample" / "label" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number, (80, 60)).save(path)
    monkeypatch.setattr(strength, "ROOT", tmp_path)
    words = ["--encoder", "encoder", "--datasets", "datasets", "--out", "strength.md"]
    return [str(tmp_path / word) if not word.startswith("--") else word for word in words]


def test_the_command_writes_card_and_page(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    before = json.loads((tmp_path / "encoder" / "encoder.json").read_text())
    strength.main(command)
    printed = capsys.readouterr()
    assert "strength" not in saved_card(tmp_path / "encoder")
    assert "the card does not say what was trained on" in printed.err
    assert "things: 32 pictures" in printed.err
    assert "faces of 20 people: left out, as it is not unpacked" in printed.err
    strength.main([*command, "--write"])
    card = saved_card(tmp_path / "encoder")
    points = CutPoints.of_card(card)
    assert points is not None
    assert capsys.readouterr().out == printed.out, "the same pictures give the same cut-points"
    assert printed.out.strip() == ", ".join(f"{word} {edge:.2f}" for word, edge in points.to_card().items())
    assert card["strength"]["measured_on"] == ["things"], "models of one object do not choose"
    after = json.loads((tmp_path / "encoder" / "encoder.json").read_text())
    assert after.pop("card") == {**before.pop("card"), "strength": card["strength"]}
    assert after == before, "the encoder stays the same"
    page = (tmp_path / "strength.md").read_text()
    assert f"up to {points.similar:.2f}" in page
    for title in ("| things | 16 |", "| eth80 | 8 |", "sample collection:", "--encoder"):
        assert title in page
    assert page.count("## checkpoint") == 1, "a second run replaces the section"


def test_a_training_on_a_collection_leaves_it_out(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "encoder" / "encoder.json"
    manifest = json.loads(path.read_text())
    manifest["card"] = {"config": {"classes": ["varied/things/*"], "validation": [], "held_out": []}}
    path.write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match="no photos to choose by"):
        strength.main(command)
    error = capsys.readouterr().err
    assert "does not say" not in error
    assert "things: left out, as the encoder was trained on it" in error


def test_a_twin_measures_the_collections_that_the_encoder_was_trained_on(command: list[str], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "encoder", tmp_path / "twin")
    path = tmp_path / "encoder" / "encoder.json"
    manifest = json.loads(path.read_text())
    manifest["card"] = {"config": {"classes": ["varied/things/*"], "validation": [], "held_out": []}}
    path.write_text(json.dumps(manifest))
    strength.main([*command, "--twin", str(tmp_path / "twin"), "--write"])
    assert saved_card(tmp_path / "encoder")["strength"]["measured_on"] == ["things"]
    assert "strength" not in saved_card(tmp_path / "twin")
    assert "--twin twin" in (tmp_path / "strength.md").read_text()


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sets", "nothing"], "no such set: nothing"),
        (["--sets", "eth80"], "no photos to choose by"),
        (["--encoder", "nonsense"], "unknown encoder"),
        (["--encoder", "color-layout", "--write"], "no card to write to"),
    ],
)
def test_invalid_options(command: list[str], tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        strength.main([*command, *words])
    assert not (tmp_path / "strength.md").exists()


def test_sections_of_other_encoders_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for name, text in (("a", "## a\n\n### x\n\nAAA\n"), ("b", "## b\n\nBBB\n"), ("a", "## a\n\n### x\n\nCCC\n")):
        page.write_text(joined(page, name, text))
    text = page.read_text()
    assert "AAA" not in text
    assert text.index("CCC") < text.index("BBB")
    assert text.count("## a\n") == text.count("## b\n") == text.count("# How sure a hit is\n") == 1
