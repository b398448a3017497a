"""Pictures that share their detail stay in one group; pages of print do not."""

from __future__ import annotations

import itertools

import pytest
from PIL import Image, ImageOps

from benchmarks.copies_made import COPIES, NEAR, line_art, page, scene
from search.comparison.shared_detail import shares_detail, sketch_of
from tests.conftest import draw


def shared(first, second):
    return shares_detail(sketch_of([first]), sketch_of([second]))


@pytest.mark.thinned(3)
@pytest.mark.parametrize("image", [scene(1), page(1), draw(1, (300, 200))], ids=["scene", "print", "smooth"])
def test_altered_pictures_share_their_detail(image):
    for each in (*COPIES, *NEAR):
        assert shared(image, each.alter(image)), each.name
        assert shared(each.alter(image), image), each.name


def test_a_mirrored_picture_shares_its_detail():
    for image in (scene(1), page(1)):
        assert shared(image, ImageOps.mirror(image))


def test_different_pages_do_not_share_detail():
    pages = [page(seed) for seed in range(6)]
    for first, second in itertools.combinations([*pages, scene(1), scene(2), draw(3), line_art(3)], 2):
        assert not shared(first, second)
    one_word = page(0, 12)
    assert shared(pages[0], one_word), "a page that differs in a word is near, not a copy"


def test_plain_colours():
    white, black, grey = (Image.new("RGB", (60, 40), ink) for ink in ("white", "black", (250, 250, 250)))
    assert not shared(white, black)
    assert shared(white, grey)
    assert not shared(white, line_art(4))


def test_transparent_pictures_are_compared_on_both_grounds():
    def sketch(seed, ink):
        ground = Image.new("RGBA", (256, 256), ink)
        ground.putalpha(ImageOps.invert(line_art(seed).convert("L")))
        grounds = [Image.new("RGBA", ground.size, colour) for colour in ("white", "black")]
        return sketch_of([Image.alpha_composite(each, ground).convert("RGB") for each in grounds])

    blank = sketch_of([Image.new("RGB", (128, 128), "white")])
    assert shares_detail(sketch(1, "white"), sketch(1, "white"))
    assert not shares_detail(sketch(1, "white"), sketch(2, "white"))
    assert not shares_detail(sketch(1, "white"), sketch(1, "black"))
    assert not shares_detail(sketch(1, "white"), blank)
    assert not shares_detail(blank, sketch(1, "white"))
