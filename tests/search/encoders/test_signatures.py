"""The encoder `signatures`, as it ships, on strokes that the test draws."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer import build
from search import open_index
from search.config import BuildConfig
from search.encoders import load_encoder, own_folder
from search.recognition.stored import encoder_calibration, read_calibration


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("signatures", device="cpu")


def name(letters: int, hand: int, time: int) -> Image.Image:
    """A name as curves: `letters` gives the corners, `hand` bends them, `time` shakes them and changes the pen."""
    corners = np.random.default_rng(letters).uniform([10, 15], [60, 85], (3, 6, 2)) + np.arange(3)[:, None, None] * [
        55,
        0,
    ]
    corners += np.random.default_rng((letters, hand)).normal(0, 9, corners.shape)
    random = np.random.default_rng((letters, hand, time))
    corners += random.normal(0, 1.2, corners.shape)
    picture = Image.new("RGB", (190, 100), (255, 255, 255 - 20 * (time % 2)))
    for curve in corners:
        steps = np.linspace(0, 5, 60)
        points = np.stack([np.interp(steps, range(6), curve[:, axis]) for axis in (0, 1)], axis=1)
        smooth = np.stack([np.convolve(points[:, axis], np.ones(9) / 9, "valid") for axis in (0, 1)], axis=1)
        ImageDraw.Draw(picture).line([tuple(point) for point in smooth], fill=(0, 0, 60 * time), width=2 + time % 2)
    return picture


def test_card_and_size(encoder) -> None:
    assert (encoder.dim, encoder.input_size) == (384, 192)
    assert sum(file.stat().st_size for file in own_folder("signatures").iterdir()) < 6 * 2**20
    assert {"data", "measured", "recipe", "borrowed"} <= encoder.card.keys()


@pytest.mark.slow
def test_a_genuine_pair_is_nearer_than_forgeries(encoder) -> None:
    pictures = [name(letters, hand, time) for letters in range(4) for hand in range(2) for time in range(2)]
    vectors = encoder.encode(pictures).reshape(4, 2, 2, -1)
    genuine = [np.linalg.norm(each[0] - each[1]) for letters in vectors for each in letters]
    same_name = [np.linalg.norm(letters[0, 0] - letters[1, 1]) for letters in vectors]
    other_name = [np.linalg.norm(vectors[0, 0, 0] - letters[0, 1]) for letters in vectors[1:]]
    assert max(genuine) < min(same_name)
    assert np.mean(same_name) < np.mean(other_name)


@pytest.mark.slow
def test_a_saved_copy_has_all_weights(encoder, tmp_path) -> None:
    encoder.save(tmp_path)
    again = load_encoder(tmp_path, device="cpu")
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode([name(0, 0, 0)]), encoder.encode([name(0, 0, 0)]))


def test_an_index_gets_the_calibration_that_ships(encoder, tmp_path) -> None:
    shipped = read_calibration(own_folder("signatures"))
    assert shipped is not None
    assert shipped.far.value == pytest.approx(shipped.frr.value, abs=0.02)
    assert shipped.far.value < 0.2
    assert encoder_calibration("signatures", encoder.fingerprint) == shipped
    assert encoder_calibration("small", load_encoder("small", device="cpu").fingerprint) is None
    for time in range(2):
        name(1, 0, time).save(tmp_path / f"{time}.png")
    build(tmp_path, tmp_path / "index", config=BuildConfig(encoder="signatures", device="cpu"))
    with open_index(tmp_path / "index", device="cpu") as engine:
        assert engine.calibration == shipped
        assert engine.verify(tmp_path / "0.png", [tmp_path / "1.png"]).probability is not None
