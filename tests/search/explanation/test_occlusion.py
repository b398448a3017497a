"""Occlusion, against loops over every window and every pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from search.explanation.occlusion import WIDTH, WINDOWS, Grid, occlusion
from tests.conftest import draw


def embed(pictures: list[np.ndarray]) -> np.ndarray:
    """Unit vectors of the mean colours of four quarters."""
    rows = []
    for pixels in pictures:
        high, wide = pixels.shape[0] // 2, pixels.shape[1] // 2
        quarters = (pixels[:high, :wide], pixels[:high, wide:], pixels[high:, :wide], pixels[high:, wide:])
        rows.append(np.concatenate([quarter.reshape(-1, 3).mean(axis=0) for quarter in quarters]))
    vectors = np.array(rows)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def cover(pixel: int, pixels: int, place: int, count: int) -> float:
    """How much the window around cell `place` of `count` hides of a pixel, along one side."""
    cell = pixels / count
    inside = WIDTH / 2 * cell - abs(pixel + 0.5 - (place + 0.5) * cell)
    return min(1.0, max(0.0, inside / cell + 0.5))


def slow_occlusion(pixels: np.ndarray, target: np.ndarray, rows: int, columns: int) -> np.ndarray:
    height, width, _ = pixels.shape
    radius = WIDTH / 2 * max(height / rows, width / columns)
    plain = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
    heat = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            hidden = pixels.copy()
            for y in range(height):
                for x in range(width):
                    share = cover(y, height, row, rows) * cover(x, width, column, columns)
                    for channel in range(3):
                        mixed = float(pixels[y, x, channel]) * (1 - share) + float(plain[y, x, channel]) * share
                        hidden[y, x, channel] = round(mixed)
            heat[row, column] = float(embed([pixels])[0] @ target) - float(embed([hidden])[0] @ target)
    smooth = np.zeros_like(heat)
    for row in range(rows):
        for column in range(columns):
            for down, vertical in ((-1, 1), (0, 2), (1, 1)):
                for along, horizontal in ((-1, 1), (0, 2), (1, 1)):
                    y, x = min(max(row + down, 0), rows - 1), min(max(column + along, 0), columns - 1)
                    smooth[row, column] += vertical * horizontal / 16 * heat[y, x]
    return smooth


@pytest.mark.parametrize("size", [(30, 30), (44, 20), (13, 37), (200, 2), (1, 1)])
def test_heat_is_the_mean_fall_of_the_cosine_around_each_cell(size: tuple[int, int]) -> None:
    pixels, target = (
        np.asarray(draw(3, size)),
        embed([np.asarray(draw(4, size)) if min(size) > 1 else np.ones((2, 2, 3))]),
    )
    if min(size) < 2:
        pixels = np.ascontiguousarray(np.broadcast_to(pixels, (2, 2, 3)))
    grid = Grid.of(pixels.shape[1], pixels.shape[0])
    heat = occlusion(pixels, embed, target[0])
    assert heat.shape == (grid.rows, grid.columns)
    assert heat.dtype == np.float32
    np.testing.assert_allclose(heat, slow_occlusion(pixels, target[0], grid.rows, grid.columns), atol=3e-4)


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (100, 100), (300, 200), (97, 1000), (640, 480)])
def test_a_grid_has_square_cells_and_few_windows(size: tuple[int, int]) -> None:
    grid = Grid.of(*size)
    assert 1 <= grid.rows * grid.columns <= WINDOWS * 1.1
    width, height = size[0] / grid.columns, size[1] / grid.rows
    if min(size) > 50:
        assert 1 / 1.4 < width / height < 1.4
        assert grid.rows * grid.columns > WINDOWS * 0.85


def test_every_pixel_is_hidden_by_some_window_and_shown_by_another() -> None:
    grid = Grid.of(60, 40)
    masks = np.array([grid.mask(row, column, 60, 40) for row in range(grid.rows) for column in range(grid.columns)])
    assert masks.min() == 0
    assert masks.max() == 1
    assert (masks.max(axis=0) == 1).all()
    middle = grid.mask(grid.rows // 2, grid.columns // 2, 60, 40)
    assert math.isclose(middle.sum(), WIDTH**2 * (60 / grid.columns) * (40 / grid.rows), rel_tol=0.05)


def test_each_picture_is_embedded_once_and_is_not_changed() -> None:
    pixels, seen = np.array(draw(1)), []

    def counting(pictures: list[np.ndarray]) -> np.ndarray:
        seen.extend(each.tobytes() for each in pictures)
        return embed(pictures)

    before = pixels.copy()
    heat = occlusion(pixels, counting, embed([pixels])[0])
    np.testing.assert_array_equal(pixels, before)
    assert len(seen) == 1 + heat.size
    assert len(set(seen)) == len(seen)
