"""How the page shows how similar hits are."""

from __future__ import annotations

import shutil

import pytest

from search import CutPoints, open_index
from search.query.hits import WEAK
from search.recognition import recognition
from tests.app.page import click, jpeg, neighbours, offered, started, texts, upload
from tests.conftest import draw


@pytest.fixture
def rated(gallery, monkeypatch, tmp_path):
    """Start the app of a copy of the gallery, whose encoder has the given cut-points; the copy has an engine of its
    own, as the app keeps one per folder.
    """

    def start(points, **query_params):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}.index"
        shutil.copytree(gallery, folder)
        monkeypatch.setenv("TWINLENS_INDEX", str(folder))
        monkeypatch.setattr(recognition, "index_cut_points", lambda snapshot: points)
        return started(**query_params)

    return start


def test_each_hit_has_its_word_beside_its_distance(rated, gallery):
    page = upload(rated(CutPoints(0.2, 0.9, 1.1)), "five.jpg", jpeg(draw(5)))
    with open_index(gallery) as engine:
        expected = engine.search(jpeg(draw(5)), 10)
    assert neighbours(page) == [hit.id for hit in expected]
    assert len({hit.strength for hit in expected}) > 1
    for hit in expected:
        assert f"distance {hit.distance:.4f}, {hit.strength}" in texts(page)
    assert WEAK not in texts(page)


def test_a_page_with_weak_neighbours_only_says_so(rated):
    page = upload(rated(CutPoints(0, 0, 0)), "stranger.jpg", jpeg(draw(99)))
    assert [notice.value for notice in page.info] == [WEAK]


def test_a_picked_picture_is_not_its_own_match(rated):
    page = rated(CutPoints(0, 0, 0))
    page = click(page, f"pick-{offered(page)[0]}")
    assert [notice.value for notice in page.info] == [WEAK]
    page = rated(CutPoints(0, 0, 2), picture="3")
    assert not page.info


def test_an_index_without_cut_points_shows_no_words(app):
    page = upload(app, "stranger.jpg", jpeg(draw(99)))
    assert not page.info
    assert "weak" not in texts(page)
