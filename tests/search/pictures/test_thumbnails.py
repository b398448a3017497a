"""Thumbnails of pictures of any shape."""

import io

import numpy as np
import pytest
from PIL import Image

from search.errors import PictureError
from search.pictures.thumbnails import fitted, jpeg, on_square, thumbnail
from tests.conftest import draw

SHAPES = [(1, 1), (1, 5000), (5000, 1), (2, 60_000), (65_535, 4), (1, 65_535), (3, 2), (790, 36_861), (6000, 4000)]


@pytest.mark.parametrize("size", SHAPES, ids=str)
def test_a_thumbnail_on_a_square_shows_pictures_of_any_shape(size, tmp_path):
    Image.new("RGB", size, "red").save(tmp_path / "shape.png")
    square = thumbnail(tmp_path / "shape.png", 320, ground="white")
    assert (square.mode, square.size) == ("RGB", (320, 320))
    red = (np.asarray(square) == (255, 0, 0)).all(axis=2)
    assert (red | (np.asarray(square) == 255).all(axis=2)).all()
    columns, rows = np.flatnonzero(red.any(axis=0)), np.flatnonzero(red.any(axis=1))
    longer = max(size)
    assert len(columns) == max(1, round(320 * size[0] / longer))
    assert len(rows) == max(1, round(320 * size[1] / longer))
    assert abs(columns[0] - (319 - columns[-1])) <= 1, "in the middle"
    assert abs(rows[0] - (319 - rows[-1])) <= 1, "in the middle"


@pytest.mark.parametrize("size", SHAPES, ids=str)
def test_a_fitted_thumbnail_keeps_at_least_a_pixel_and_is_never_enlarged(size, tmp_path):
    Image.new("RGB", size, "red").save(tmp_path / "shape.png")
    small = thumbnail(tmp_path / "shape.png", 240)
    assert max(small.size) == min(240, max(size))
    assert min(small.size) == max(1, min(min(size), round(240 * min(size) / max(size))))
    with Image.open(io.BytesIO(jpeg(small, 80))) as again:
        assert again.size == small.size


def test_a_thumbnail_looks_like_its_picture():
    picture = draw(3, (300, 200))
    square = np.asarray(on_square(picture, 150, "#102030"), dtype=np.int16)
    expected = np.asarray(picture.reduce(2), dtype=np.int16)
    assert np.abs(square[25:125] - expected).mean() < 3
    assert (square[:25] == (16, 32, 48)).all()
    assert (square[125:] == (16, 32, 48)).all()
    assert fitted(picture, 300) is picture


@pytest.mark.parametrize("failure", [MemoryError(), ValueError("height and width must be > 0"), OSError("broken")])
def test_any_failure_is_a_picture_error(failure, monkeypatch, tmp_path):
    def fails(*given, **named):
        raise failure

    draw(3, (3000, 2000)).save(tmp_path / "three.png")
    monkeypatch.setattr(Image.Image, "resize", fails)
    with pytest.raises(PictureError, match=str(failure) or "MemoryError") as raised:
        thumbnail(tmp_path / "three.png", 320, ground="white")
    assert raised.value.source == str(tmp_path / "three.png")


def test_a_side_too_long_for_a_jpeg_is_a_picture_error():
    with pytest.raises(PictureError, match="no JPEG can be made of it"):
        jpeg(Image.new("RGB", (65_536, 1)), 80)
