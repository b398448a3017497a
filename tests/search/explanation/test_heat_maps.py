"""Explanations: the heat of a composite picture lies on what matches, in the coordinates of the upright picture."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from search import PictureError, open_index
from search.crop import Crop
from search.encoders import load_encoder
from search.encoders.regions import Region, RegionEncoder
from search.explanation.heat_maps import Explanation, explain
from tests.awkward import exif, laid, scene
from tests.conftest import draw

if TYPE_CHECKING:
    from search.encoders.base import Encoder

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@cache
def encoder_named(name: str) -> Encoder:
    return load_encoder(name, device="cpu")


def side_by_side(first: Image.Image, second: Image.Image, *, stacked: bool) -> Image.Image:
    both = [first.resize((120, 120)), second.resize((120, 120))]
    whole = Image.new("RGB", (120, 240) if stacked else (240, 120))
    whole.paste(both[0], (0, 0))
    whole.paste(both[1], (0, 120) if stacked else (120, 0))
    return whole


def halves(explanation: Explanation, *, stacked: bool) -> tuple[np.ndarray, np.ndarray]:
    """The heat over both halves of the composite, which is picture b."""
    first, second = np.array_split(explanation.b.values, 2, axis=0 if stacked else 1)
    return first, second


@pytest.mark.thinned(3)
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("matches_first", [False, True])
@pytest.mark.parametrize("name", ["color-layout", "small"])
def test_the_heat_of_two_drawn_things_lies_on_the_one_that_matches(
    name: str, matches_first: bool, stacked: bool
) -> None:
    match, other = scene(1, (120, 120)), scene(8, (120, 120))
    pair = (match, other) if matches_first else (other, match)
    explanation = explain(encoder_named(name), match, side_by_side(*pair, stacked=stacked))
    on, off = halves(explanation, stacked=stacked)[:: 1 if matches_first else -1]
    assert on.max() > off.max()
    assert np.clip(on, 0, None).sum() > 2 * np.clip(off, 0, None).sum()


PAIRS = [("aeroplane", "banana"), ("basketball", "armchair"), ("apple", "bookshelf")]


@pytest.mark.parametrize(("thing", "distractor"), PAIRS)
def test_the_heat_of_two_photos_lies_on_the_one_of_the_same_thing(thing: str, distractor: str) -> None:
    one, two = sorted((SAMPLE / thing).glob("*.jpg"))[:2]
    other = sorted((SAMPLE / distractor).glob("*.jpg"))[0]
    with Image.open(two) as match, Image.open(other) as beside:
        whole = side_by_side(beside, match, stacked=False)
    off, on = halves(explain(encoder_named("small"), one, whole), stacked=False)
    assert on.max() > off.max()
    assert np.clip(on, 0, None).sum() > 1.5 * np.clip(off, 0, None).sum()


@pytest.mark.slow
def test_the_heat_of_two_photos_by_the_default_encoder() -> None:
    one, two = sorted((SAMPLE / "banana").glob("*.jpg"))[:2]
    with Image.open(two) as match, Image.open(sorted((SAMPLE / "anchor").glob("*.jpg"))[0]) as beside:
        whole = side_by_side(match, beside, stacked=False)
    on, off = halves(explain(encoder_named("photo"), one, whole), stacked=False)
    assert on.max() > off.max()
    assert np.clip(on, 0, None).sum() > 2 * np.clip(off, 0, None).sum()


def test_hiding_what_does_not_match_makes_pictures_more_similar() -> None:
    match = scene(1, (120, 120))
    whole = side_by_side(match, scene(8, (120, 120)), stacked=False)
    explanation = explain(encoder_named("color-layout"), match, whole)
    assert explanation.b.values.min() < 0
    same = explain(encoder_named("color-layout"), match, match)
    assert same.distance == 0
    assert same.similarity == 1
    assert same.a.values.min() >= -1e-6
    np.testing.assert_array_equal(same.a.values, same.b.values)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_heat_is_in_the_coordinates_of_the_upright_picture(orientation: int) -> None:
    upright, other = scene(3), scene(4)
    buffer = io.BytesIO()
    laid(upright, orientation).save(buffer, "PNG", exif=exif(orientation))
    expected = explain(encoder_named("color-layout"), upright, other)
    got = explain(encoder_named("color-layout"), buffer.getvalue(), other)
    np.testing.assert_allclose(got.a.values, expected.a.values, atol=1e-6)
    assert got.a.values.shape[0] < got.a.values.shape[1]


@pytest.mark.thinned(4)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "YCbCr"])
@pytest.mark.parametrize("size", [(1, 1), (300, 2), (40, 90)])
def test_pictures_of_any_mode_and_size(mode: str, size: tuple[int, int]) -> None:
    image = draw(5, size)
    image = image.convert("L").convert(mode) if mode in {"I;16", "F"} else image.convert(mode)
    explanation = explain(encoder_named("color-layout"), image, draw(6))
    rows, columns = explanation.a.values.shape
    assert 1 <= rows * columns <= 110
    assert np.isfinite(explanation.a.values).all()
    assert explanation.a.area == (0, 0, 1, 1)


def test_a_picture_that_cannot_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    for pair in ((broken, draw(1)), (draw(1), broken)):
        with pytest.raises(PictureError, match=r"broken\.jpg"):
            explain(encoder_named("color-layout"), *pair)
    with pytest.raises(PictureError, match=r"none\.jpg"):
        explain(encoder_named("color-layout"), tmp_path / "none.jpg", draw(1))


def test_the_distance_is_that_of_the_engine(index: Path) -> None:
    with open_index(index) as engine:
        a, b = (engine.picture(each).path for each in (1, 2))
        explanation = engine.explain(a, b)
        assert explanation.distance == engine.verify(a, b).distance
        assert explanation.similarity == pytest.approx(float(engine.vector(1) @ engine.vector(2)), abs=1e-5)
        plain = explanation.to_dict()
        assert plain["heat"]["b"]["values"] == explanation.b.values.tolist()


class Squares(RegionEncoder):
    """Embeds the brightest quarter of a picture by its colours; a black picture has none."""

    name = family = "squares"
    noun, min_side, margin = "square", 1, 0.5
    dim, input_size, fingerprint = 12, 64, "squares"

    def regions(self, image: Image.Image) -> list[Region]:
        pixels = np.asarray(image.resize((64, 64)))
        if not pixels.any():
            return []
        starts = [(y, x) for y in (0, 32) for x in (0, 32)]
        top, left = max(starts, key=lambda at: int(pixels[at[0] : at[0] + 32, at[1] : at[1] + 32].sum()))
        box = Crop(left / 64, top / 64, (left + 32) / 64, (top + 32) / 64)
        return [Region(box, 1.0, pixels[top : top + 32, left : left + 32])]

    def forward(self, batch: np.ndarray) -> np.ndarray:
        assert batch.shape[1:] == (32, 32, 3)
        return np.asarray(batch.reshape(len(batch), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(batch), -1))

    save: Any = None
    load: Any = None


def test_an_encoder_of_parts_is_explained_by_the_part_that_it_embeds() -> None:
    image = Image.new("RGB", (64, 64), (1, 1, 1))
    image.paste(draw(2, (32, 32)), (32, 0))
    explanation = explain(Squares(), image, draw(3, (64, 64)))
    assert explanation.a.area == (0.25, -0.25, 1.25, 0.75)
    assert explanation.a.values.shape == (10, 10)
    with pytest.raises(PictureError, match="no square found"):
        explain(Squares(), image, Image.new("RGB", (9, 9)))
