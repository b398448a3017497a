"""The field for a text, which only an index with a text tower has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from indexer.collection.build import build
from search import open_index
from search.config import QueryConfig
from tests.app.page import click, jpeg, neighbours, offered, sound, started, texts, upload
from tests.conftest import FAST, draw, fill
from tests.search.encoders.tiny_clip import write_tiny_clip


@pytest.fixture(scope="module")
def clip_gallery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    fill(folder / "pictures", 12)
    model = write_tiny_clip(folder / "model")
    build(folder / "pictures", folder / "photos.index", replace(FAST, encoder=f"open_clip:local-dir:{model}"))
    return folder / "photos.index"


@pytest.fixture
def page(clip_gallery, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(clip_gallery))
    return started()


def describe(page, text):
    page.chat_input[0].set_value(text)
    return sound(page.run())


def test_a_text_finds_what_the_engine_finds(page, clip_gallery):
    page = describe(page, "a *cat* — 猫")
    with open_index(clip_gallery) as engine:
        expected = [hit.id for hit in engine.search_text("a *cat* — 猫", QueryConfig.k)]
    assert neighbours(page) == expected
    assert page.query_params["text"] == "a *cat* — 猫"
    assert "Your text" in [header.value for header in page.header]
    assert "decoded" not in texts(page)


def test_text_picture_and_upload_replace_one_another(page):
    page = describe(page, "a cat")
    page = click(page, f"from-{neighbours(page)[0]}")
    assert "text" not in page.query_params
    assert "Your text" not in [header.value for header in page.header]
    page = describe(page, "a cat")
    assert "picture" not in page.query_params
    page = upload(page, "three.jpg", jpeg(draw(3)))
    assert "text" not in page.query_params
    assert "Your picture" in [header.value for header in page.header]
    page = describe(page, "a cat")
    assert not page.file_uploader[0].value
    assert not page.session_state.held
    assert "Your text" in [header.value for header in page.header]
    page = sound(next(button for button in page.button if "Back" in button.label).click().run())
    assert offered(page)


def test_an_address_with_a_text(clip_gallery, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(clip_gallery))
    assert len(neighbours(started(text="a cat", k="3"))) == 3


def test_a_text_that_is_too_long_is_reported(page):
    page = describe(page, "cat " * 30)
    assert "30 tokens" in texts(page)


def test_other_indexes_have_no_field(app, gallery, monkeypatch):
    assert "describe" not in app.chat_input[0].placeholder
    assert "text" not in describe(app, "label1").query_params
    page = started(text="a cat")
    assert "open_clip:NAME" in texts(page)
    assert offered(page)
