import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import faces
from experiments.face_attendance import Attended, Visit, counted, photograph
from experiments.face_trials import few_way_hits, one_shot_hits, open_set
from indexer.training.settings import with_settings

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 1, "grid": 2, "dim": 8}


def unit_rows(count: int, dim: int = 5, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


PEOPLE, SHOTS = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)


def test_every_choice_of_reference_against_a_slow_loop() -> None:
    vectors = unit_rows(24)
    hits = one_shot_hits(vectors, PEOPLE, SHOTS)
    assert hits.shape == (4, 24)
    for shot in range(4):
        for row in range(24):
            if SHOTS[row] == shot:
                assert not hits[shot, row]
                continue
            distances = {
                PEOPLE[other]: float(np.linalg.norm(vectors[row] - vectors[other]))
                for other in range(24)
                if SHOTS[other] == shot
            }
            assert hits[shot, row] == (min(distances, key=distances.__getitem__) == PEOPLE[row])


def test_trials_of_a_few_people() -> None:
    separated = np.eye(6, dtype=np.float32)[PEOPLE]
    hits, whom = few_way_hits(separated, PEOPLE, ways=4, trials=200, seed=0)
    assert hits.all()
    assert set(whom) == set(range(6))
    by_chance, _ = few_way_hits(unit_rows(24, 40, seed=3), PEOPLE, ways=4, trials=4000, seed=1)
    assert by_chance.mean() == pytest.approx(0.25, abs=0.1)


def test_open_set_rates_are_counted() -> None:
    vectors = unit_rows(24)
    found = open_set(vectors, PEOPLE, SHOTS, galleries=50, references=2, seed=0)
    assert len(found.known_distances) == len(found.known_right) == 50 * 3 * 2
    assert len(found.stranger_distances) == 50 * 3 * 4
    for threshold in (0.0, 0.5, 1.0, 2.1):
        right = sum(r and d <= threshold for r, d in zip(found.known_right, found.known_distances, strict=True))
        assert found.identified(threshold) == pytest.approx(right / 300)
        total = found.identified(threshold) + found.taken_for_another(threshold)
        assert total == pytest.approx(np.mean(found.known_distances <= threshold))
        assert found.strangers_accepted(threshold) == pytest.approx(np.mean(found.stranger_distances <= threshold))
    assert found.strangers_accepted(2.1) == 1.0


def test_separated_people_are_identified_and_strangers_rejected() -> None:
    found = open_set(np.eye(6, dtype=np.float32)[PEOPLE], PEOPLE, SHOTS, galleries=5, references=1, seed=0)
    assert found.identified(0.1) == 1.0
    assert found.strangers_accepted(0.1) == 0.0
    np.testing.assert_allclose(found.stranger_distances, 2**0.5)


def make_faces(folder: Path, people: int) -> None:
    for person in range(1, people + 1):
        (folder / f"s{person}").mkdir(parents=True)
        face = np.random.default_rng(person).integers(0, 256, (6, 5))
        for number in range(1, 8):
            noise = np.random.default_rng((person, number)).integers(-40, 41, (6, 5))
            pixels = np.clip(face + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((20, 24)).save(folder / f"s{person}" / f"{number}.png")


def at(minute: int) -> datetime:
    return datetime(2026, 1, 5, 8, minute, tzinfo=UTC)


def test_a_log_is_compared_with_the_visits() -> None:
    visits = [
        Visit("a", at(0), at(2)),
        Visit("x", at(10), at(12)),
        Visit("b", at(20), at(22)),
        Visit("y", at(30), at(32)),
    ]
    lines = [(at(1), "a"), (at(2), "b"), (at(10), "a"), (at(12), "b"), (at(25), "b")]
    assert counted(visits, lines, {"a", "b"}) == Attended(visits=2, logged=1, strangers=2, admitted=1, wrong=1)
    assert counted(visits, [], {"a", "b"}) == Attended(visits=2, strangers=2)


def test_the_camera_sees_everyone_once_per_day(tmp_path: Path) -> None:
    make_faces(tmp_path / "data", 3)
    pictures = {f"s{n}": [tmp_path / "data" / f"s{n}" / f"{1 + i % 7}.png" for i in range(9)] for n in (1, 2, 3)}
    visits = photograph(pictures, tmp_path / "camera", np.random.default_rng(0))
    assert len(visits) == 9
    assert all(before.ends < after.begins for before, after in pairwise(visits))
    for visit in visits:
        shown = [
            each.read_bytes()
            for each in (tmp_path / "camera").iterdir()
            if visit.begins.timestamp() <= each.stat().st_mtime <= visit.ends.timestamp()
        ]
        assert len(shown) == 3
        assert set(shown) <= {path.read_bytes() for path in pictures[visit.person]}


def test_the_sides_have_different_people(tmp_path: Path) -> None:
    for person in range(1, 41):
        (tmp_path / f"s{person}").mkdir()
    sides = faces.split_people(tmp_path)
    assert [len(side) for side in sides] == [14, 6, 20]
    assert len(set().union(*sides)) == 40
    config = faces.settings(faces.load_recipe("faces"), sides, 1)
    assert config.held_out == tuple(sides[2])
    assert not set(config.classes) & set(config.held_out)


@pytest.mark.slow
def test_from_pictures_to_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_faces(tmp_path / "data" / "faces", 34)
    small = with_settings(faces.load_recipe("faces"), ["input_size=16", "start=null", "classes_per_batch=6"])
    monkeypatch.setattr(faces, "load_recipe", lambda name: faces.replace(small, network=TINY))
    monkeypatch.setattr(faces, "SCRATCH", TINY)
    for constant, value in (("GALLERIES", 5), ("TRIALS", 50), ("DRAWS", 30), ("HALVES", 1)):
        monkeypatch.setattr(faces, constant, value)
    places = ("--datasets", tmp_path / "data", "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    counts = ("--seeds", "2", "--steps", "2")
    faces.main([*(str(each) for each in places), *counts])
    text = (tmp_path / "docs" / "results" / "faces.md").read_text()
    assert "(chosen)" in text
    assert text.count("| 3 |") == 3
    assert "## Attendance" in text
    assert "visits of strangers logged" in text
    for name in re.findall(r"\.\./images/(\S+\.png)", text):
        assert 1000 < (tmp_path / "docs" / "images" / name).stat().st_size < 150 * 1024
