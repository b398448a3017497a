"""Each alteration against a result computed by hand."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from indexer.alterations import ALTERATIONS, COPIES, Alteration
from tests.conftest import draw

NAMED = {each.name: each.alter for each in ALTERATIONS}


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int64)


def small_jpeg(image: Image.Image) -> Image.Image:
    file = BytesIO()
    small = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.BILINEAR)
    small.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def faded(image: Image.Image) -> Image.Image:
    dull = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.4)).enhance(0.6)
    return ImageEnhance.Brightness(dull).enhance(1.2)


@pytest.mark.parametrize("size", [(48, 40), (64, 64), (85, 112), (15, 25), (3, 2), (1, 1)])
def test_the_six_everyday_copies(size: tuple[int, int]) -> None:
    image = draw(1, size)
    width, height = size
    left, top = round(width * 0.1), round(height * 0.2)
    cropped = image.crop((left, top, left + max(1, round(width * 0.7)), top + max(1, round(height * 0.7))))
    expected = {
        "crop, 70 % of each side": cropped,
        "mirrored, left and right": Image.fromarray(np.asarray(image)[:, ::-1].copy()),
        "tilted, 12 degrees": image.rotate(12, Image.Resampling.BICUBIC),
        "turned, 90 degrees": Image.fromarray(np.rot90(np.asarray(image)).copy()),
        "JPEG, quality 20, 1/2 of each side": small_jpeg(image),
        "faded, much": faded(image),
    }
    assert [each.name for each in COPIES] == list(expected)
    for each in COPIES:
        altered = each.alter(image)
        assert altered.size == expected[each.name].size
        assert (pixels(altered) == pixels(expected[each.name])).all(), each.name


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda each: each.name)
def test_alterations_are_reproducible_and_do_not_change_the_picture(alteration: Alteration) -> None:
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (40, 48, 3), dtype=np.uint8))
    before = image.tobytes()
    one, other = alteration.alter(image), alteration.alter(image.copy())
    assert image.tobytes() == before != one.tobytes()
    assert one.mode == "RGB"
    assert one.size == other.size
    assert one.tobytes() == other.tobytes()
    assert min(alteration.alter(draw(3, (1, 1))).size) == 1


def test_names_are_unique() -> None:
    assert len(NAMED) == len(ALTERATIONS)


@pytest.mark.parametrize("kind", sorted({each.kind for each in ALTERATIONS} - {"mirrored", "turned", "crop", "tilted"}))
def test_strengths_rise(kind: str) -> None:
    image = draw(5, (64, 64))
    original = pixels(image)
    moved = [
        np.abs(pixels(each.alter(image).resize(image.size, Image.Resampling.BILINEAR)) - original).mean()
        for each in ALTERATIONS
        if each.kind == kind
    ]
    assert 3 <= len(moved) <= 4
    assert moved == sorted(moved)
    assert moved[0] < moved[-1]


def test_four_quarter_turns_give_the_picture_back() -> None:
    image = draw(4)
    turned = NAMED["turned, 90 degrees"](image)
    assert turned.size == (image.height, image.width)
    assert NAMED["turned, 270 degrees"](turned).tobytes() == image.tobytes()
    upside_down = NAMED["mirrored, top and bottom"](NAMED["mirrored, left and right"](image))
    assert upside_down.tobytes() == NAMED["turned, 180 degrees"](image).tobytes()


def test_noise_has_its_deviation_and_differs_between_pictures() -> None:
    grey = Image.new("RGB", (96, 96), (128, 128, 128))
    noise = pixels(NAMED["noise, 25 of 255"](grey)) - 128
    assert noise.std() == pytest.approx(25, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.5)
    other = pixels(NAMED["noise, 25 of 255"](Image.new("RGB", (96, 96), (129, 128, 128)))) - 128
    assert np.corrcoef(noise[..., 1].ravel(), other[..., 1].ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_colour_changes_in_the_given_direction() -> None:
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    grey = pixels(NAMED["saturation, 0 %"](image))
    assert (grey == grey[..., :1]).all()
    assert (pixels(NAMED["darker, to 50 %"](image)) == [100, 50, 25]).all()
    assert (pixels(NAMED["brighter, to 160 %"](image)) == [255, 160, 80]).all()
