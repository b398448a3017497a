"""The colour layout against its formula, written as slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.conftest import draw
from tests.search.encoders.made import made


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_of_known_colours(rgb, lab):
    from search.encoders.color_layout import _to_lab

    np.testing.assert_allclose(_to_lab(np.array([[rgb]], dtype=np.uint8))[0, 0], lab, atol=0.03)


def slow_layout(lab):
    """The low orders of the DCT, by definition."""
    kept = []
    for channel, order, middle in ((0, 6, 50), (1, 4, 0), (2, 4, 0)):
        for u in range(8):
            for v in range(8 if u < order else 0):
                if u + v >= order:
                    continue
                total = 0.0
                for i in range(8):
                    for j in range(8):
                        mean = lab[i * 8 : i * 8 + 8, j * 8 : j * 8 + 8, channel].astype(float).mean() - middle
                        total += mean * np.cos(np.pi * u * (i + 0.5) / 8) * np.cos(np.pi * v * (j + 0.5) / 8)
                scale = (1 if u else 0.5**0.5) * (1 if v else 0.5**0.5) * 2 / 8
                kept.append(total * scale / 8 / 25)
    return np.array(kept)


def slow_histogram(lab):
    """Each pixel divided among the 8 bins around it, one after the other."""
    axes = ((0, 25, 50, 75, 100), (-60, -30, -12, 0, 12, 30, 60), (-60, -30, -12, 0, 12, 30, 60))
    bins = np.zeros([len(nodes) for nodes in axes])
    for pixel in lab.reshape(-1, 3).astype(float):
        parts = []
        for value, nodes in zip(pixel, axes, strict=True):
            value = min(max(value, nodes[0]), nodes[-1])
            low = max(n for n in range(len(nodes) - 1) if nodes[n] <= value)
            part = (value - nodes[low]) / (nodes[low + 1] - nodes[low])
            parts.append(((low, 1 - part), (low + 1, part)))
        for lightness, share_l in parts[0]:
            for a, share_a in parts[1]:
                for b, share_b in parts[2]:
                    bins[lightness, a, b] += share_l * share_a * share_b
    return np.sqrt(bins.ravel() / 4096) - np.sqrt(1 / bins.size)


def test_colour_layout_matches_its_formula():
    from search.encoders.color_layout import _to_lab

    encoder = made("color-layout")
    prepared = encoder.prepare(draw(9))
    lab = _to_lab(prepared)
    expected = np.concatenate([slow_layout(lab), slow_histogram(lab)])
    np.testing.assert_allclose(encoder.forward(prepared[None])[0], expected, atol=1e-5)


def extremes():
    """Pictures `(B, 64, 64, 3) uint8`: plain ones, of which many values lie on a node, noise, and one odd pixel."""
    pictures = np.zeros((9, 64, 64, 3), dtype=np.uint8)
    pictures[1], pictures[2], pictures[3] = 255, 119, (0, 0, 255)
    pictures[4] = np.random.default_rng(0).integers(0, 256, pictures[4].shape)
    pictures[5, :32] = (1, 0, 0)
    pictures[6, 0, 0] = 1
    pictures[7] = np.arange(64)[:, None] * 4
    pictures[8] = made("color-layout").prepare(draw(5))
    return pictures


def test_rows_of_a_batch_match_the_formula_and_do_not_depend_on_it():
    from search.encoders.color_layout import _to_lab

    encoder, pictures = made("color-layout"), extremes()
    rows = encoder.forward(pictures)
    for row, picture in zip(rows, pictures, strict=True):
        lab = _to_lab(picture)
        np.testing.assert_allclose(row, np.concatenate([slow_layout(lab), slow_histogram(lab)]), atol=1e-5)
        np.testing.assert_array_equal(encoder.forward(picture[None])[0], row)
    assert encoder.forward(pictures[:0]).shape == (0, encoder.dim)


def test_colour_layout_distinguishes_positions():
    halves = Image.new("RGB", (40, 40), "navy")
    halves.paste("orange", (0, 0, 20, 40))
    sunny, mirrored, closer = made("color-layout").encode(
        [halves, halves.transpose(Image.Transpose.FLIP_LEFT_RIGHT), halves.resize((80, 50))]
    )
    assert sunny @ closer > 0.99
    assert sunny @ mirrored < 0.9


def test_a_saved_colour_layout_is_only_json(tmp_path):
    made("color-layout").save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.json"]
