"""The drawing of an explanation: colours, places, both grounds."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from search.explanation.drawing import colours, draw, overlay, scale_of
from search.explanation.heat_maps import Explanation, Heat
from tests.conftest import draw as drawn

ALL = (0.0, 0.0, 1.0, 1.0)


def hot_at(row: int, column: int, rows: int = 4, columns: int = 6, value: float = 0.2) -> Heat:
    values = np.full((rows, columns), -0.01, dtype=np.float32)
    values[row, column] = value
    return Heat(values, ALL)


def lightness(colour: np.ndarray) -> float:
    """CIELAB L* of an sRGB colour."""
    linear = np.where(colour / 255 <= 0.04045, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4)
    return float(116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16)


def test_steps_of_the_colours_look_equally_large() -> None:
    steps = np.diff([lightness(each) for each in colours(np.linspace(0, 1, 13, dtype=np.float32))])
    assert steps.min() > 0
    assert steps.max() < 2.5 * steps.min()


@pytest.mark.parametrize("size", [(300, 200), (90, 400), (7, 7), (2000, 3), (3, 2000)])
def test_the_colour_lies_where_the_heat_is(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (90, 110, 130))
    shown = np.asarray(overlay(picture, hot_at(1, 4), side=240), dtype=float)
    assert max(shown.shape) == 240
    height, width, _ = shown.shape
    red = shown[..., 0]
    if min(height, width) > 10:
        y, x = np.unravel_index(red.argmax(), red.shape)
        assert abs((y + 0.5) / height - 1.5 / 4) < 0.1
        assert abs((x + 0.5) / width - 4.5 / 6) < 0.1
        assert np.ptp(shown[-5, 5]) < 40, "no colour where nothing is hot"


def test_heat_of_a_part_is_drawn_in_its_area_alone() -> None:
    heat = Heat(np.full((3, 3), 0.3, dtype=np.float32), (0.5, -0.25, 1.25, 0.5))
    picture = Image.new("RGB", (200, 200), (90, 110, 130))
    shown = np.asarray(overlay(picture, heat, side=200), dtype=float)
    assert (shown[:99, 101:, 0] > 150).all()
    assert (shown[101:, :, 0] < 110).all()
    assert (shown[:, :99, 0] < 110).all()


def test_a_map_of_almost_nothing_stays_pale() -> None:
    assert scale_of(hot_at(0, 0, value=0.001)) > 0.02
    assert scale_of(hot_at(0, 0, value=-0.1)) > 0.02
    assert scale_of(hot_at(0, 0, value=0.4)) == pytest.approx(0.4)
    picture = Image.new("RGB", (120, 120), (128, 128, 128))
    shown = np.asarray(overlay(picture, hot_at(1, 1, value=0.001)))
    assert np.ptp(shown.astype(int), axis=2).max() < 12


@pytest.mark.parametrize(("dark", "ground"), [(False, (255, 255, 255)), (True, (14, 17, 23))])
def test_both_grounds(dark: bool, ground: tuple[int, int, int]) -> None:
    explanation = Explanation(0.8, hot_at(0, 0), hot_at(3, 5))
    sheet = draw(explanation, drawn(1, (90, 60)), drawn(2, (40, 80)), dark=dark)
    pixels = np.asarray(sheet)
    assert sheet.mode == "RGB"
    for corner in (pixels[0, 0], pixels[-1, -1], pixels[0, -1], pixels[-1, 0]):
        assert tuple(corner) == ground
    ink = abs(pixels[:48].astype(int) - ground).max(axis=2)
    assert ink.max() > 150, "the title is legible on its ground"
    assert sheet.width >= 600
    assert max(sheet.size) < 1200
