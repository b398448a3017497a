"""How the page shows copies and matches."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from PIL import Image

from app_parts.search.sureness import by_chance
from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from indexer.collection.build import build
from search import open_index
from search.config import QueryConfig
from search.recognition.calibration import ErrorRate
from tests.app.page import jpeg, neighbours, sound, started, texts, upload
from tests.conftest import FAST, draw
from tests.indexer.calibration.conftest import fill_subjects


@pytest.fixture
def calibrated(tmp_path, monkeypatch):
    """A calibrated index whose pictures of one subject are similar, shown by the app."""
    fill_subjects(tmp_path / "people")
    build(tmp_path / "people", tmp_path / "people.index", FAST)
    calibrate(tmp_path / "people.index", config=CalibrateConfig(max_far=0.05, resamples=30))
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "people.index"))
    return tmp_path / "people.index"


def copies(page):
    """The numbers of copies on the cards of hits."""
    labels = [block.proto.popover.label for block in page.get("popover")]
    return [label for label in labels if "cop" in label]


def test_an_uncalibrated_index_shows_no_matches(app):
    assert "Only the same thing" not in [toggle.label for toggle in app.toggle]
    assert "not calibrated" in texts(started("index"))
    assert "calibration is weak" not in texts(upload(app, "three.jpg", jpeg(draw(3))))
    assert "probability" not in texts(upload(app, "three.jpg", jpeg(draw(3))))


def test_copies_are_collapsed_and_counted(own):
    pictures, rebuild = own
    original = pictures / "label2" / "0005.png"
    for name in ("one.png", "two.png"):
        shutil.copy(original, pictures / "label0" / name)
    draw(5).save(pictures / "label0" / "near.jpg", quality=85)
    rebuild()
    page = upload(started(k="6"), "five.jpg", jpeg(draw(5, (300, 250))))
    assert copies(page) == []
    page = sound(page.toggle(key="collapse").set_value(True).run())
    found = neighbours(page)
    assert len(found) == 6
    with open_index(pictures.parent / "photos.index") as engine:
        expected = engine.search(jpeg(draw(5, (300, 250))), 6, collapse=True)
        ids = {record.path: record.id for record in engine.pictures()}
    assert found == [hit.id for hit in expected]
    assert [len(hit.copies) for hit in expected] == [3, 0, 0, 0, 0, 0]
    assert copies(page) == ["+3 copies"]
    assert str(pictures / "label0" / "near.jpg") in texts(page)
    page = started(picture=str(ids[pictures / "label0" / "one.png"]), collapse="true", k="6")
    assert "+3 copies" in texts(page)
    assert not {ids[original], ids[pictures / "label0" / "near.jpg"]} & set(neighbours(page))
    assert len(neighbours(page)) == 6


def test_hits_of_a_calibrated_index_have_probabilities(calibrated):
    with open_index(calibrated) as engine:
        first = engine.pictures()[0]
        expected = engine.search(first.path, QueryConfig.k)
    page = upload(started(), "s00.png", first.path.read_bytes())
    assert neighbours(page) == [hit.id for hit in expected]
    assert "this calibration is weak: at its threshold 62% of the same pairs are rejected" in texts(page)
    for hit in expected:
        assert f"probability {hit.probability:.3f}" in texts(page)


def test_same_only_shows_matches_or_reports_that_there_are_none(calibrated):
    with open_index(calibrated) as engine:
        first = engine.pictures()[0]
        expected = engine.search(first.path, 50, same_only=True)
    page = started(k="32")
    page = sound(page.toggle(key="same").set_value(True).run())
    page = upload(page, "s00.png", first.path.read_bytes())
    assert neighbours(page) == [hit.id for hit in expected]
    page = upload(page, "red.png", jpeg(Image.new("RGB", (40, 40), "red")))
    assert neighbours(page) == []
    assert "nothing here shows the same thing" in texts(page)
    page = sound(page.toggle(key="same").set_value(False).run())
    assert len(neighbours(page)) == 32


def test_the_expected_number_of_wrong_hits_is_stated(gallery, calibrated):
    """A rate for pairs is not one for searches, which compare the query with every picture."""
    with open_index(calibrated) as engine:
        hits = engine.search(engine.pictures()[0].path, 5)[1:]  # without the picture itself
        known = replace(engine.calibration, threshold=hits[0].distance, far=ErrorRate(0.01))
    text = by_chance(known, hits, 454)
    assert "1.00% of pairs" in text
    assert "about 4.5 of 454 pictures" in text
    assert f"{known.answer_prior:.3g} of all pairs" in text
    assert by_chance(known, hits, 9) is None, "so few that none is expected"
    assert by_chance(replace(known, threshold=0.0), hits, 454) is None, "no hit is within the threshold"
    assert by_chance(None, hits, 454) is None
    assert by_chance(known, [], 454) is None
