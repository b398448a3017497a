"""Thumbnails of pictures of any shape."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from app_parts import tiles
from indexer.collection.build import build
from search import open_index
from search.errors import PictureError
from search.pictures import thumbnails as search_thumbnails
from tests.app.page import click, neighbours, offered, sound, started, texts
from tests.conftest import FAST, draw

SHAPES = [(1, 1), (1, 5000), (5000, 1), (2, 60_000), (65_535, 4), (790, 36_861)]


@pytest.fixture
def thin(tmp_path, monkeypatch):
    """An index of pictures with extreme aspect ratios."""
    (tmp_path / "thin").mkdir()
    for width, height in SHAPES:
        Image.new("RGB", (width, height), "red").save(tmp_path / "thin" / f"{width}x{height}.png")
    build(tmp_path / "thin", tmp_path / "thin.index", FAST)
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "thin.index"))
    return tmp_path / "thin.index"


def images(page):
    return [shown for element in page.image for shown in element.proto.imgs]


def test_thin_pictures_are_shown_in_the_collection_and_among_neighbours(thin):
    page = started()
    assert len(offered(page)) == len(images(page)) == len(SHAPES)
    page = click(page, f"pick-{offered(page)[0]}")
    assert len(neighbours(page)) == len(SHAPES) - 1
    assert len(images(page)) == len(SHAPES)
    for picture in range(1, len(SHAPES) + 1):
        assert len(images(started(full=str(picture)))) == 1
    assert "unreadable" not in texts(page)


@pytest.mark.parametrize("size", SHAPES, ids=str)
def test_a_thumbnail_shows_more_than_its_background(size):
    shown = tiles.tile(Image.new("RGB", size, "red"), "#ffffff")
    with Image.open(io.BytesIO(shown.data)) as image:
        red, green, _ = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        assert image.size == (tiles.TILE, tiles.TILE)
        assert min(image.convert("RGB").split()[1].getextrema()) < 200
    assert red >= green


@pytest.mark.parametrize("failure", [MemoryError(), ValueError("height and width must be > 0"), OSError("lost")])
def test_a_failed_thumbnail_affects_only_its_own_card_and_is_retried(failure, own, index, monkeypatch):
    made = search_thumbnails.on_square

    def fails_for_one(image, side, ground):
        if image.size == (33, 44):
            raise failure
        return made(image, side, ground)

    draw(5, (33, 44)).save(own[0] / "label0" / "bad `name`.png")
    own[1]()
    monkeypatch.setattr(search_thumbnails, "on_square", fails_for_one)
    page = started()
    assert len(offered(page)) == 13
    assert len(images(page)) == 12
    assert "gone or unreadable" in texts(page)
    assert f"({failure})" in texts(page) or "(MemoryError)" in texts(page)
    assert "bad `name`.png" in texts(page)
    monkeypatch.setattr(search_thumbnails, "on_square", made)
    assert len(images(sound(page.run()))) == 13


def test_a_file_that_is_no_longer_a_picture_shows_a_placeholder_with_the_reason(own):
    pictures, _ = own
    first, second, third = sorted(pictures.rglob("*.png"))[:3]
    first.write_text("no picture")
    second.unlink()
    third.unlink()
    third.mkdir()
    page = started()
    assert len(offered(page)) == 12
    assert len(images(page)) == 9
    assert "not a picture: it is text" in texts(page)
    assert "No such file" in texts(page)


def test_an_upload_whose_thumbnail_fails_is_searched(app, monkeypatch):
    from tests.app.page import jpeg, upload

    def fails(*given, **named):
        raise PictureError("x", "for the test")

    monkeypatch.setattr(tiles, "thumbnail", fails)
    page = upload(app, "three.jpg", jpeg(draw(3)))
    assert len(neighbours(page)) == 10
    assert "for the test" in texts(page)


def test_the_full_picture_is_upright_and_bounded(own, index):
    pictures, rebuild = own
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6000, 50), "blue").save(pictures / "label0" / "turned.jpg", exif=exif)
    rebuild()
    with open_index(index) as engine:
        record = next(each for each in engine.pictures() if each.path.name == "turned.jpg")
    shown = tiles.file_tile(record.path, full=True)
    with Image.open(io.BytesIO(shown.data)) as image:
        assert image.size == (round(50 * tiles.FULL / 6000), tiles.FULL)
    page = started(full=str(record.id))
    assert len(images(page)) == 1
    assert "50 × 6000 pixels" in texts(page)
    assert not offered(page)
    page = click(page, next(button.key for button in page.button if button.label == "Find similar"))
    assert page.query_params["picture"] == [str(record.id)] or page.query_params["picture"] == str(record.id)
