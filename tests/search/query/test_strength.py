"""The word of each hit: against a slow loop, through every door, and from every place that has cut-points."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.sync import sync
from indexer.duplicates.find import find_duplicates
from search import CutPoints, Hit, open_index
from search.config import BuildConfig
from search.encoders import card
from search.query.copy_threshold import copy_threshold
from search.query.hits import WEAK, only_weak
from search.recognition import recognition
from search.store.catalog import Catalog
from search.store.durable import sealed
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill
from tests.indexer.calibration.conftest import fill_subjects
from tests.indexes_of_vectors import chord, clumps, index_of, on_circle
from tests.search.encoders.made import checkpoint
from tests.search.recognition.test_cut_points import slow_word

POINTS = CutPoints(chord(10), chord(30), chord(60))
EXACT = CutPoints(0.25, 0.5, 1.0)


@pytest.fixture
def has_points(monkeypatch: pytest.MonkeyPatch) -> CutPoints:
    """Every index has these cut-points, whatever its encoder."""
    monkeypatch.setattr(recognition, "index_cut_points", lambda snapshot: POINTS)
    return POINTS


def encoder_folder(folder: Path, points: CutPoints | None) -> Path:
    """A saved encoder with cut-points in its card."""
    folder.mkdir()
    checkpoint().save(folder)
    if points is not None:
        card.write_card(folder, strength={**points.to_card(), "measured_on": ["drawings"]})
    return folder


def built_with(encoder: Path | str, pictures: Path, index: Path) -> Path:
    build(pictures, index, BuildConfig(encoder=str(encoder), device="cpu", workers=2, batch_size=4))
    return index


def stored(index: Path) -> Path:
    """The encoder's folder in an index."""
    return next((index / "encoders").iterdir())


def seal_card(index: Path, **entries: Any) -> None:
    """Change the card in an index as the version that made the index could have written it."""
    folder = stored(index)
    card.write_card(folder, **entries)
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.files.add([sealed(index, f"encoders/{folder.name}/encoder.json")])


# Against a slow loop ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segments", [1, 3])
def test_words_match_a_slow_loop(has_points: CutPoints, tmp_path: Path, segments: int) -> None:
    vectors = clumps(60, seed=1, dim=4, spread=0.2)
    queries = np.concatenate([vectors[:3], clumps(9, seed=2, dim=4)])
    with open_index(index_of(tmp_path / "i", vectors, segments=segments), device="cpu") as engine:
        found = {hit.strength for query in queries for hit in engine.search_vectors(query, 60)[0]}
        assert found == {"near copy", "very similar", "similar", "weak"}
        for hits in engine.search_vectors(queries, 60):
            assert [hit.strength for hit in hits] == [slow_word(hit.distance, has_points) for hit in hits]
            assert all(hit.probability is None for hit in hits)
        for picture in (1, 30):
            hits = engine.search_id(picture, 20)
            assert [hit.strength for hit in hits] == [slow_word(hit.distance, has_points) for hit in hits]
            assert hits[0].strength == "near copy"


def test_copies_are_rated_by_their_distance_to_the_query(has_points: CutPoints, tmp_path: Path) -> None:
    vectors = clumps(60, seed=3, dim=4, spread=0.1)
    queries = clumps(9, seed=2, dim=4, spread=0.3)
    with open_index(index_of(tmp_path / "i", vectors), device="cpu") as engine:
        answers = engine.search_vectors(queries, 10, collapse=True)
    every = [each for hits in answers for hit in hits for each in (hit, *(hit.copies or ()))]
    assert len(every) > sum(map(len, answers))
    assert [each.strength for each in every] == [slow_word(each.distance, has_points) for each in every]
    differing = [hit for hits in answers for hit in hits if any(copy.strength != hit.strength for copy in hit.copies)]
    assert differing, "copies are not just given the word of their hit"


def test_a_hit_at_a_cut_point_is_within_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vectors = on_circle(0, 20, 40)
    with open_index(index_of(tmp_path / "i", vectors), device="cpu") as engine:
        distances = [hit.distance for hit in engine.search_vectors(vectors[0], 3)[0]]
    for points, words in (
        (CutPoints(distances[0], distances[1], distances[2]), ["near copy", "very similar", "similar"]),
        (CutPoints(distances[1], distances[1], distances[1]), ["near copy", "near copy", "weak"]),
        (CutPoints(0, float(np.nextafter(distances[1], 0)), distances[2]), ["near copy", "similar", "similar"]),
    ):
        monkeypatch.setattr(recognition, "index_cut_points", lambda snapshot, points=points: points)
        with open_index(tmp_path / "i", device="cpu") as engine:
            assert [hit.strength for hit in engine.search_vectors(vectors[0], 3)[0]] == words


# Which queries have words ----------------------------------------------------------------------------------------


def test_a_blend_has_no_words(has_points: CutPoints, index: Path) -> None:
    one, other = draw(1), draw(2)
    with open_index(index) as engine:
        assert all(hit.strength for hit in engine.search(one, 5))
        assert all(hit.strength is None for hit in engine.search(one, 5, without=[other]))
        answer = engine.ask(one, 5, without=[other], collapse=True)
        assert all(each.strength is None for hit in answer.hits for each in (hit, *(hit.copies or ())))
        assert not answer.weak
        assert all(hit.strength is None for hit in engine.search_together([one, other], 5))


def test_a_calibrated_index_has_probabilities_in_place_of_words(has_points: CutPoints, tmp_path: Path) -> None:
    fill_subjects(tmp_path / "people")
    build(tmp_path / "people", tmp_path / "i", FAST)
    picture = next((tmp_path / "people").rglob("*.png"))
    with open_index(tmp_path / "i") as engine:
        assert {hit.strength for hit in engine.search(picture, 20)} > {"near copy"}
    calibrate(tmp_path / "i", config=CalibrateConfig(max_far=0.05, resamples=30))
    with open_index(tmp_path / "i") as engine:
        assert engine.cut_points == has_points
        for collapse in (False, True):
            answer = engine.ask(picture, 20, collapse=collapse)
            for hit in answer.hits:
                assert all(each.strength is None for each in (hit, *(hit.copies or ())))
                assert hit.probability is not None
            assert not answer.weak
        assert copy_threshold(engine.calibration, engine.cut_points).source == "calibration"


def test_an_index_without_cut_points_has_no_words(index: Path) -> None:
    with open_index(index) as engine:
        answer = engine.ask(draw(77), 12)
        assert engine.cut_points is None
        assert {hit.strength for hit in answer.hits} == {None}
        assert {hit.to_dict()["strength"] for hit in answer.hits} == {None}
        assert not answer.weak
    text = twinlens("query", "--id", 1, "--index", index)
    assert "strength" not in text.stdout
    assert text.stderr == ""


# Weak answers ----------------------------------------------------------------------------------------------------


def made(number: int, strength: Any, *copies: Hit) -> Hit:
    return Hit(number, Path("/nowhere"), None, 0.5, strength=strength, copies=copies or None)


@pytest.mark.parametrize(
    ("hits", "but", "weak"),
    [
        ([], None, False),
        ([made(1, "weak")], None, True),
        ([made(1, "weak"), made(2, "weak")], None, True),
        ([made(1, "similar"), made(2, "weak")], None, False),
        ([made(1, None), made(2, None)], None, False),
        ([made(1, "near copy"), made(2, "weak")], 1, True),
        ([made(1, "near copy"), made(2, "near copy"), made(3, "weak")], 1, False),
        ([made(1, "near copy")], 1, False),
        ([made(1, "near copy", made(2, "near copy")), made(3, "weak")], 1, False),
        ([made(2, "near copy", made(1, "near copy")), made(3, "weak")], 1, False),
        ([made(1, "near copy", made(2, "weak")), made(3, "weak")], 1, True),
    ],
)
def test_whether_only_weak_hits_are_left(hits: list[Hit], but: int | None, weak: bool) -> None:
    assert only_weak(hits, but=but) is weak


def test_a_query_that_nothing_resembles_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 12)
    encoder = encoder_folder(tmp_path / "encoder", None)
    index = built_with(encoder, tmp_path / "pictures", tmp_path / "i")
    with open_index(index, device="cpu") as engine:
        nearest = engine.search(draw(77), 1)[0].distance
    assert nearest > 0.01
    seal_card(index, strength=CutPoints(0.001, 0.002, nearest - 0.005).to_card())
    picture = tmp_path / "stranger.png"
    draw(77).save(picture)
    known = tmp_path / "pictures" / "label0" / "0000.png"
    with open_index(index, device="cpu") as engine:
        assert engine.ask(picture, 3).weak
        assert not engine.ask(known, 3).weak
    weak, sure = map(json.loads, twinlens("query", picture, known, "--index", index, "--json").stdout.splitlines())
    assert weak["note"] == WEAK
    assert [hit["strength"] for hit in weak["hits"]] == ["weak"] * 10
    assert "note" not in sure
    assert sure["hits"][0]["strength"] == "near copy"
    text = twinlens("query", picture, known, "--index", index)
    assert [line for line in text.stderr.splitlines() if WEAK in line] == [f"{picture}: {WEAK}"]
    assert "near copy" in text.stdout
    assert text.stdout.split().index("distance") + 1 == text.stdout.split().index("strength")


def test_a_picture_of_the_index_is_not_its_own_match(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 6)
    encoder = encoder_folder(tmp_path / "encoder", CutPoints(0, 0, 0))
    index = built_with(encoder, tmp_path / "pictures", tmp_path / "i")
    answer = json.loads(twinlens("query", "--id", 2, "--index", index, "--json").stdout)
    assert [hit["strength"] for hit in answer["hits"]] == ["near copy", *["weak"] * 5]
    assert answer["note"] == WEAK
    assert f"id 2: {WEAK}" in twinlens("query", "--id", 2, "--index", index, "--collapse").stderr
    assert "note" not in json.loads(twinlens("query", "--id", 2, "--index", index, "--json", "-k", 1).stdout)
    shutil.copy(tmp_path / "pictures" / "label0" / "0000.png", tmp_path / "pictures" / "label0" / "same.png")
    sync(tmp_path / "pictures", index, BuildConfig(device="cpu", workers=2))
    with open_index(index) as engine:
        first = next(each.id for each in engine.pictures() if each.path.name == "0000.png")
        assert not only_weak(engine.search_id(first, 5), but=first)
    for collapse in ((), ("--collapse",)):
        answer = json.loads(twinlens("query", "--id", first, "--index", index, "--json", *collapse).stdout)
        assert "note" not in answer


# Where cut-points come from --------------------------------------------------------------------------------------


def test_cut_points_travel_with_the_encoder(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 6)
    encoder = encoder_folder(tmp_path / "encoder", EXACT)
    index = built_with(encoder, tmp_path / "pictures", tmp_path / "i")
    plain = encoder_folder(tmp_path / "plain", None)
    assert card.saved_card(encoder)["strength"]["measured_on"] == ["drawings"]
    with open_index(index, device="cpu") as engine:
        assert engine.cut_points == EXACT
        assert engine.encoder.card["data"] == "none"
        hits = engine.search(draw(5), 6)
        assert [hit.strength for hit in hits] == [slow_word(hit.distance, EXACT) for hit in hits]
        assert engine.fingerprint == checkpoint().fingerprint, "they are not part of the fingerprint"
        assert engine.refresh() is engine
    fill(tmp_path / "pictures", 1, first=10)
    sync(tmp_path / "pictures", index, BuildConfig(device="cpu", workers=2))
    rebuild(index, BuildConfig(device="cpu", workers=2))
    shutil.copytree(index, tmp_path / "elsewhere")
    with open_index(tmp_path / "elsewhere", device="cpu") as engine:
        assert engine.cut_points == EXACT
    built_with(plain, tmp_path / "pictures", tmp_path / "j")
    with open_index(tmp_path / "j", device="cpu") as engine:
        assert engine.cut_points is None


def test_an_older_index_has_those_that_ship_with_its_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    shipped = encoder_folder(tmp_path / "weights" / "small", EXACT)
    encoder_folder(tmp_path / "weights" / "unrated", None)
    fill(tmp_path / "pictures", 3)
    index = built_with(encoder_folder(tmp_path / "encoder", None), tmp_path / "pictures", tmp_path / "i")
    with open_index(index) as engine:
        assert engine.cut_points is None
    monkeypatch.setattr(card, "WEIGHTS", tmp_path / "weights")
    with open_index(index) as engine:
        assert engine.cut_points == EXACT
    own = CutPoints(0.1, 0.2, 0.3)
    seal_card(index, strength=own.to_card())
    with open_index(index) as engine:
        assert engine.cut_points == own, "those of the index take precedence"
    assert card.folder_with_fingerprint(checkpoint().fingerprint) == shipped
    assert card.folder_with_fingerprint("0" * 32) is None
    monkeypatch.setattr(card, "WEIGHTS", tmp_path / "nothing")
    assert card.folder_with_fingerprint(checkpoint().fingerprint) is None


@pytest.mark.slow
def test_the_index_of_a_previous_version_with_the_built_in_encoder(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 3)
    index = built_with(BuildConfig.default_encoder, tmp_path / "pictures", tmp_path / "i")
    with open_index(index) as engine:
        expected = engine.cut_points
        assert expected is not None
    folder = stored(index)
    seal_card(index, strength=None)
    assert card.saved_card(folder)["strength"] is None
    with open_index(index) as engine:
        assert engine.cut_points == expected
        assert all(hit.strength for hit in engine.search_id(1, 3))


@pytest.mark.parametrize("damage", ["missing", "changed", "not JSON", "no folder"])
def test_a_damaged_card_does_not_stop_a_search_by_vector(damage: str, tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 3)
    index = built_with(encoder_folder(tmp_path / "encoder", EXACT), tmp_path / "pictures", tmp_path / "i")
    file = stored(index) / "encoder.json"
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_text(file.read_text(encoding="utf-8").replace("0.25", "0.35"), encoding="utf-8")
    elif damage == "not JSON":
        file.write_bytes(b"\xff{")
    else:
        shutil.rmtree(file.parent)
    with open_index(index, device="cpu") as engine:
        assert [hit.strength for hit in engine.search_id(1, 3)] == [None] * 3
        assert engine.cut_points is None


def test_vectors_of_a_foreign_encoder_have_no_words(tmp_path: Path) -> None:
    with open_index(index_of(tmp_path / "i", clumps(5)), device="cpu") as engine:
        assert engine.cut_points is None
        assert {hit.strength for hit in engine.search_id(1, 5)} == {None}


# Copies ----------------------------------------------------------------------------------------------------------


def test_near_copies_are_those_of_duplicates_and_collapse(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 6)
    encoder = encoder_folder(tmp_path / "encoder", None)
    index = built_with(encoder, tmp_path / "pictures", tmp_path / "i")
    points = CutPoints(0.05, 0.5, 1)
    seal_card(index, strength=points.to_card())
    report = find_duplicates(index)
    assert (report.threshold, report.source) == (0.05, "encoder")
    with open_index(index, device="cpu") as engine:
        default = copy_threshold(engine.calibration, engine.cut_points)
        assert (default.distance, default.source) == (0.05, "encoder")
        for picture in range(1, 7):
            near = {hit.id for hit in engine.search_id(picture, 6) if hit.strength == "near copy"}
            collapsed = engine.search_id(picture, 1, collapse=True)[0]
            assert {collapsed.id, *(copy.id for copy in collapsed.copies or ())} == near
    assert "measured for the encoder of this index" in twinlens("duplicates", index).stdout


def test_the_word_follows_the_copies_of_a_hit_in_json(has_points: CutPoints, index: Path) -> None:
    with open_index(index) as engine:
        hit = replace(engine.search_id(1, 1)[0], copies=(made(9, "weak"),))
    plain = json.loads(json.dumps(hit.to_dict()))
    assert plain["strength"] == "near copy"
    assert plain["copies"][0]["strength"] == "weak"
