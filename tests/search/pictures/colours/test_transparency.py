"""The background of transparent pictures, chosen so that their content stays visible."""

from __future__ import annotations

import io
import random
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search.encoders import load_encoder
from search.pictures.colours import pixel_modes
from search.pictures.decode import decode, load_picture
from tests.awkward import _transparent, png_16, png_chunk, scene
from tests.search.pictures.test_decode import difference, saved

CLEAR = (0, 0, 0, 0)


def icon(seed: int, ink: tuple[int, ...], *, size: int = 256, hidden: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """Outlines of shapes; `hidden` is the colour under the transparent pixels."""
    image = Image.new("RGBA", (size, size), (*hidden, 0))
    draw, chance = ImageDraw.Draw(image), random.Random(seed)
    for _ in range(6):
        x, y, side = (chance.randrange(low, high) * size // 256 for low, high in ((0, 200), (0, 200), (20, 120)))
        shape = chance.choice((draw.ellipse, draw.rectangle))
        shape((x, y, x + side, y + side), outline=(*ink, 255)[:4], width=max(2, 12 * size // 256))
    return image


def over(image: Image.Image, level: int) -> Image.Image:
    """Compute by the formula, in NumPy."""
    rgba = np.asarray(image.convert("RGBA")).astype(float)
    share = rgba[:, :, 3:] / 255
    return Image.fromarray(np.round(rgba[:, :, :3] * share + level * (1 - share)).astype(np.uint8))


def ground(image: Image.Image) -> int:
    """Which of the backgrounds a picture was laid over."""
    shown = load_picture(image)
    gaps = {level: difference(shown, over(image, level)) for level in (255, 0, 128)}
    assert min(gaps.values()) < 0.6
    return min(gaps, key=gaps.__getitem__)


@pytest.mark.parametrize(
    "ink", [(255, 255, 255), (240, 240, 240), (255, 255, 230), (250, 255, 250), (255, 255, 255, 120)]
)
def test_light_line_art_is_laid_over_black(ink):
    assert ground(icon(1, ink)) == 0


@pytest.mark.parametrize(
    "ink", [(0, 0, 0), (200, 30, 30), (255, 255, 0), (90, 90, 90), (0, 200, 255), (190, 190, 190), (0, 0, 0, 99)]
)
def test_pictures_visible_on_a_white_page_are_laid_over_white(ink):
    assert ground(icon(1, ink)) == 255


def test_a_coloured_logo_with_white_parts_is_laid_over_white():
    logo = Image.new("RGBA", (200, 200), CLEAR)
    draw = ImageDraw.Draw(logo)
    draw.ellipse((10, 10, 190, 190), fill=(200, 20, 60, 255))
    draw.rectangle((60, 60, 140, 140), fill=(255, 255, 255, 255))
    assert ground(logo) == 255
    assert ground(_transparent(scene(3))[0]) == 255


def test_light_and_dark_parts_that_would_each_vanish_are_laid_over_grey():
    both = Image.alpha_composite(icon(1, (0, 0, 0)), icon(2, (255, 255, 255)))
    assert ground(both) == 128


def test_a_fully_transparent_picture_is_white():
    for level in (0, 255):
        blank = Image.new("RGBA", (40, 30), (level, level, level, 0))
        assert np.asarray(load_picture(blank)).min() == 255
    assert ground(Image.new("RGBA", (40, 30), (255, 255, 255, 128))) == 255


def _files(image: Image.Image) -> dict[str, bytes]:
    grey = image.convert("LA")
    alpha = image.getchannel("A")
    key = Image.fromarray(np.where(np.asarray(alpha) > 127, 255, 7).astype(np.uint8))
    palette = Image.new("P", image.size, 0)
    palette.putpalette([9, 9, 9, 255, 255, 255])
    palette.paste(1, (0, 0), alpha.point(lambda level: 255 * (level > 127)))
    sixteen = np.where(np.asarray(alpha) > 127, 65535, 1234).astype(np.uint16)
    return {
        "PNG": saved(image, "PNG"),
        "grey PNG": saved(grey, "PNG"),
        "grey key": saved(key, "PNG", transparency=7),
        "palette PNG": saved(palette, "PNG", transparency=0),
        "16-bit key": png_16(sixteen, png_chunk(b"tRNS", (1234).to_bytes(2, "big"))),
        "GIF": saved(palette, "GIF", transparency=0),
        "WebP": saved(image, "WEBP", lossless=True),
        "TIFF": saved(image, "TIFF"),
        "AVIF": saved(image, "AVIF", quality=95),
    }


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", _files(icon(0, (255, 255, 255))))
def test_white_line_art_in_every_format(kind):
    encoder = load_encoder("color-layout")
    pictures = [decode(_files(icon(seed, (255, 255, 255)))[kind], name="x", target=64) for seed in range(6)]
    vectors = encoder.encode(pictures)
    assert min(np.linalg.norm(one - other) for one, other in combinations(vectors, 2)) > 0.1
    assert np.asarray(pictures[0]).min() < 40


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 0, 255), (255, 255, 255)])
@pytest.mark.parametrize("target", [None, 16, 60])
def test_colours_under_alpha_0_never_leak(hidden, target):
    for ink in ((255, 255, 255), (0, 0, 0)):
        plain, dirty = (saved(icon(3, ink, size=500, hidden=colour), "PNG") for colour in ((0, 0, 0), hidden))
        assert difference(decode(plain, name="x", target=target), decode(dirty, name="x", target=target)) == 0
    noise = np.dstack([np.random.default_rng(1).integers(0, 256, (64, 64, 3)), np.zeros((64, 64))]).astype(np.uint8)
    assert np.asarray(load_picture(noise)).min() == 255


@pytest.mark.slow
def test_the_background_does_not_depend_on_the_target_size():
    for seed in range(4):
        image = icon(seed, (255, 255, 255), size=900)
        assert {
            int(np.asarray(decode(saved(image, "PNG"), name="x", target=target))[0, 0, 0])
            for target in (None, 20, 64, 300)
        } <= {0, 255}
        corners = {
            np.asarray(decode(saved(image, "PNG"), name="x", target=target))[2, 2].tolist()[0] // 200
            for target in (None, 20, 64, 300)
        }
        assert len(corners) == 1


def test_large_pictures_have_one_background(monkeypatch):
    image = icon(5, (255, 255, 255))
    whole = load_picture(image)
    from search.pictures.colours import transparency

    monkeypatch.setattr(pixel_modes, "_BAND", 2000)
    monkeypatch.setattr(transparency, "_BAND", 2000)
    assert difference(load_picture(image), whole) == 0


def test_arrays_and_premultiplied_pixels():
    image = icon(6, (255, 255, 255))
    shown = load_picture(image)
    assert difference(load_picture(np.asarray(image)), shown) == 0
    assert difference(load_picture(image.convert("RGBa")), shown) < 1
    assert difference(load_picture(image.convert("LA").convert("La")), shown) < 1


def test_an_opaque_alpha_channel_has_no_effect():
    for mode in ("RGBA", "LA"):
        image = scene(1).convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        assert difference(decode(buffer.getvalue(), name="x"), image.convert("RGB")) == 0
