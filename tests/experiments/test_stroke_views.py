from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.stroke_views import AS_IT_IS, NINE_VIEWS, embed_views, view_of
from search.encoders import load_encoder


def dot(x: int, y: int, side: int = 41) -> Image.Image:
    picture = Image.new("RGB", (side, side), "white")
    picture.paste((0, 0, 0), (x - 1, y - 1, x + 2, y + 2))
    return picture


def place(picture: Image.Image) -> tuple[float, float]:
    dark = 255.0 - np.asarray(picture.convert("L"), dtype=np.float64)
    rows, columns = np.indices(dark.shape)
    return float((columns * dark).sum() / dark.sum()), float((rows * dark).sum() / dark.sum())


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        ((90.0, 0.0, 1.0), (20.0, 30.0)),  # what was at the right goes down: turned with the clock
        ((0.0, 0.0, 0.5), (25.0, 20.0)),
        ((0.0, 0.0, 1.5), (35.0, 20.0)),
        ((0.0, 0.3, 1.0), (30.0, 20.0)),
    ],
)
def test_views_turn_resize_and_slant_about_the_centre(
    view: tuple[float, float, float], wanted: tuple[float, float]
) -> None:
    np.testing.assert_allclose(place(view_of(dot(30, 20), view)), wanted, atol=0.3)


def test_slant_moves_pixels_above_and_below_the_centre() -> None:
    above, below = (place(view_of(dot(20, y), (0.0, 0.3, 1.0))) for y in (10, 30))
    assert above[0] - 20 == pytest.approx(20 - below[0], abs=0.2)
    assert abs(above[0] - 20) == pytest.approx(3.0, abs=0.3)
    assert above[1] == pytest.approx(10, abs=0.2)


def test_new_areas_are_white_and_the_plain_view_is_the_picture() -> None:
    picture = Image.new("RGB", (20, 20), "white")
    assert view_of(picture, AS_IT_IS[0]) is picture
    for view in NINE_VIEWS:
        assert np.asarray(view_of(picture, view)).min() == 255


def test_embeddings_are_means_over_views_of_one_picture(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.png")
        dot(8 + 9 * number, 12 + number).save(files[-1])
    encoder = load_encoder("color-layout")
    together = embed_views(encoder, files, NINE_VIEWS)
    for row, file in enumerate(files):
        views = [view_of(Image.open(file).convert("RGB"), view) for view in NINE_VIEWS]
        mean = np.mean([encoder.encode([view])[0] for view in views], axis=0)
        np.testing.assert_allclose(together[row], mean / np.linalg.norm(mean), atol=1e-5)
        np.testing.assert_allclose(embed_views(encoder, [file], NINE_VIEWS)[0], together[row], atol=1e-5)
