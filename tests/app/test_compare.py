"""The page Compare: what it shows for two pictures, with and without a calibration, and for bad addresses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app_parts.compare.rates import shares
from indexer.people.enroll import enroll
from search import open_index
from search.recognition.calibration import ErrorRate
from search.store.catalog import Catalog
from tests.app.page import click, jpeg, sound, started, texts
from tests.awkward import broken_files
from tests.conftest import draw
from tests.people import FAST as ENROLLED
from tests.people import calibrate_by_hand, calibration, photograph


@pytest.fixture
def calibrated(own):
    """An index of 12 pictures with a calibration whose threshold is 0.3."""
    pictures, _ = own
    index = pictures.parent / "photos.index"
    calibrate_by_hand(index)
    return index


def give(page, place, name, data):
    page.file_uploader[place].set_value((name, data, "application/octet-stream"))
    return sound(page.run())


def heading(page):
    return [each.value for each in page.header]


def test_without_pictures_the_page_offers_to_upload_or_pick_them(own):
    page = started("compare")
    assert [each.value for each in page.title] == ["Compare two pictures"]
    assert len(page.file_uploader) == 2
    assert [button.key for button in page.button if button.label == "Compare"]


def test_an_empty_collection_still_compares_uploads(tmp_path, monkeypatch):
    enroll(tmp_path / "people.index", "Ada", [photograph(tmp_path, 1)], ENROLLED)
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "people.index"))
    page = started("compare")
    assert "has no pictures" in page.info[0].value
    page = give(give(page, 0, "one.jpg", jpeg(draw(1))), 1, "two.jpg", jpeg(draw(2)))
    assert "How similar they look" in heading(page)


def test_two_picked_pictures_are_compared_as_the_engine_does(calibrated):
    page = click(click(started("compare"), "pick-3"), "pick-7")
    assert page.query_params["a"] == "3"
    assert page.query_params["b"] == "7"
    with open_index(calibrated) as engine:
        expected = engine.verify(engine.picture(3).path, engine.picture(7).path)
    shown = texts(page)
    assert f"{expected.distance:.4f}" in shown
    assert f"{1 - expected.distance**2 / 2:.4f}" in shown
    assert f"{expected.probability:.4f}" in page.get("progress")[0].proto.text
    assert f"{expected.threshold:.4f}" in shown
    assert ("The same thing" if expected.same else "Different things") in heading(page)


def test_two_uploads_are_compared_as_the_engine_does(calibrated):
    page = give(started("compare"), 0, "one.jpg", jpeg(draw(1)))
    assert len(page.file_uploader) == 2
    page = give(page, 1, "two.jpg", jpeg(draw(2)))
    with open_index(calibrated) as engine:
        expected = engine.verify(jpeg(draw(1)), jpeg(draw(2)))
    assert f"{expected.distance:.4f}" in texts(page)
    page = click(page, "other-a")
    assert f"{expected.distance:.4f}" not in texts(page)


def test_a_picture_and_its_copy_are_the_same_thing(calibrated):
    with open_index(calibrated) as engine:
        data = engine.picture(4).path.read_bytes()
    page = give(started("compare", a="4"), 0, "copy.png", data)
    assert "The same thing" in heading(page)
    assert "0.0000" in texts(page)


def test_the_slider_moves_the_decision_and_the_error_rates(calibrated):
    page = started("compare", a="1", b="2")
    with open_index(calibrated) as engine:
        made, apart = engine.calibration, engine.verify(engine.picture(1).path, engine.picture(2).path).distance
    for threshold in (round(apart - 0.01, 3), round(apart + 0.01, 3)):
        page.slider(key="threshold").set_value(threshold)
        page = sound(page.run())
        assert page.query_params["threshold"] == str(threshold)
        assert ("The same thing" if threshold >= apart else "Different things") in heading(page)
        assert f"{made.far_at(threshold):.2%} of pairs of different things" in texts(page)
        assert f"{made.frr_at(threshold):.2%} of pairs of the same thing" in texts(page)
    page = sound(next(each for each in page.button if "Back to the calibrated" in each.label).click().run())
    assert "threshold" not in page.query_params
    assert f"{made.threshold:.4f}" in texts(page)


def test_an_index_without_calibration_says_how_to_get_one(own):
    page = started("compare", a="1", b="2")
    assert "How similar they look" in heading(page)
    assert "twinlens calibrate" in page.code[0].value
    assert not page.slider
    assert "Probability" not in texts(page)


def test_a_weak_calibration_says_so(own):
    pictures, _ = own
    catalog = Catalog.write(pictures.parent / "photos.index")
    weak = replace(calibration(catalog.settings()["fingerprint"]), frr=ErrorRate(0.7))
    with catalog.transaction():
        catalog.set(calibration=weak.to_dict())
    catalog.close()
    page = started("compare", a="1", b="2")
    assert "this calibration is weak" in heading(page)[-1]
    assert "70%" in page.warning[0].value


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({"a": "999", "b": "2"}, 1),
        ({"a": "x", "b": "-1"}, 2),
        ({"a": "1", "b": "2", "threshold": "nan"}, 1),
        ({"a": "1", "b": "2", "threshold": "0x1"}, 1),
        ({"a": "1", "b": "2", "threshold": "3"}, 1),
        ({"a": "<b>**x**</b>", "b": "9" * 40}, 2),
        ({"page": "99", "label": "nobody"}, 2),
    ],
)
def test_a_bad_address_is_reported(calibrated, parameters, problems):
    assert len(started("compare", **parameters).error) == problems


def test_broken_uploads_are_reported_and_the_next_one_works(own, tmp_path):
    page = started("compare")
    for path in broken_files(tmp_path / "broken").values():
        page = give(page, 0, path.name, path.read_bytes())
        assert len(page.error) == 1, path
    page = give(page, 0, "good.jpg", jpeg(draw(1)))
    assert not page.error
    assert "good.jpg" in [each.value for each in page.text]


def test_the_bins_hold_all_pairs_and_add_up_to_the_rates():
    made = calibration("x")
    edges, same, different = shares(made)
    assert sum(same) == pytest.approx(1)
    assert sum(different) == pytest.approx(1)
    for place in (0, 17, 60):
        assert sum(different[: place + 1]) == pytest.approx(made.far_at(edges[place + 1]), abs=1e-9)
        assert sum(same[place + 1 :]) == pytest.approx(made.frr_at(edges[place + 1]), abs=1e-9)
    assert (np.diff(edges) > 0).all()


def test_the_heat_maps_are_those_of_the_engine(calibrated, monkeypatch):
    page = give(started("compare", a="4"), 0, "two.jpg", jpeg(draw(2)))
    assert "Heat map" not in _images(page)
    page.toggle(key="why").set_value(True)
    page = sound(page.run())
    assert page.query_params["why"] == "true"
    assert _images(page).count("Heat map: ") == 2
    with open_index(calibrated) as engine:
        explanation = engine.explain(engine.picture(4).path, jpeg(draw(2)))
    falls = [max(0.0, float(heat.values.max())) for heat in (explanation.a, explanation.b)]
    assert f"falls by {falls[0]:.2f} (first picture) or {falls[1]:.2f} (second picture)" in texts(page)
    monkeypatch.setattr("search.engine.SearchEngine.explain", None)
    assert _images(sound(page.run())).count("Heat map: ") == 2, "computed once"


def test_a_missing_file_has_no_heat_map(own):
    pictures, _ = own
    (pictures / "label0" / "0000.png").unlink()
    page = started("compare", a="1", b="2", why="true")
    assert "0000.png" in page.error[0].value
    assert "Distance" in texts(page)


def _images(page):
    return " ".join(image.proto.alt if hasattr(image.proto, "alt") else str(image.proto) for image in page.image)
