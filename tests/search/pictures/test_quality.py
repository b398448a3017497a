"""Poor pictures are rejected for the right reason; ordinary ones and drawings pass."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from search import PictureError
from search.pictures.quality import QualityConfig, quality_of, refuse_poor
from tests.people import person


def drawing() -> Image.Image:
    """A thin black stroke on white: mostly bright, but not poor."""
    page = Image.new("RGB", (160, 80), "white")
    ImageDraw.Draw(page).line([(10, 60), (60, 15), (90, 70), (150, 20)], fill="black", width=3)
    return page


def slow_sharpness(image: Image.Image) -> float:
    gray = image.convert("L")
    luma = [[float(gray.getpixel((x, y))) for x in range(gray.width)] for y in range(gray.height)]
    found = []
    for y in range(gray.height):
        for x in range(gray.width):
            around = sum(
                luma[min(max(y + dy, 0), gray.height - 1)][min(max(x + dx, 0), gray.width - 1)]
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))
            )
            found.append(around - 4 * luma[y][x])
    flat = [value for line in luma for value in line]
    rounding = (4 * 1 + 4**2) / 12  # of four neighbours and the middle, each rounded to a whole number
    return float((np.var(found) - rounding) / (16 * np.var(flat)))


def test_sharpness_matches_a_slow_loop() -> None:
    small = person(1, size=48)
    assert quality_of(small).sharpness == pytest.approx(slow_sharpness(small))


@pytest.mark.parametrize("image", [person(0), person(1, size=24), drawing()], ids=["photo", "small", "drawing"])
def test_ordinary_pictures_pass(image: Image.Image) -> None:
    assert quality_of(image).problems == ()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (64, 64), "white"), "no contrast"),
        (Image.new("RGB", (64, 64), "black"), "too dark"),
        (person(2).point(lambda value: value // 12), "too dark"),
        (person(2, size=240).filter(ImageFilter.GaussianBlur(30)), "blurred"),
        (person(2, size=12), "too small"),
        (drawing().resize((400, 10)), "too small"),
    ],
    ids=["white", "black", "night", "blurred", "tiny", "flat"],
)
def test_poor_pictures_are_rejected_with_the_reason(image: Image.Image, reason: str) -> None:
    assert reason in " ".join(quality_of(image).problems)
    with pytest.raises(PictureError, match=reason) as refused:
        refuse_poor(quality_of(image), "door.jpg")
    assert refused.value.source == "door.jpg"


def test_size_and_darkness_do_not_count_as_blur() -> None:
    small, large = quality_of(person(3, size=512)), quality_of(person(3, size=1024))
    assert large.sharpness == pytest.approx(small.sharpness, rel=0.1)
    one = quality_of(person(3, size=64))
    dark = quality_of(person(3, size=64).point(lambda value: value // 2))
    assert dark.sharpness == pytest.approx(one.sharpness, rel=0.1)


def test_limits_can_be_set() -> None:
    assert quality_of(person(0), QualityConfig(min_side=200)).problems[0].startswith("too small: 96 x 96")


@pytest.mark.parametrize("radius", [16, 24, 32, 48])
def test_rounding_steps_of_a_strong_blur_do_not_count_as_detail(radius: int) -> None:
    """A picture blurred to a few levels of grey has edges again, from rounding."""
    blurred = drawing().resize((320, 160)).filter(ImageFilter.GaussianBlur(radius))
    assert quality_of(blurred).problems
