from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from search.errors import PictureError
from search.pictures.decode import load_picture
from tests.awkward import png_16, png_chunk, scene


def pixels(source) -> np.ndarray:
    return np.asarray(load_picture(source))


def grey(source) -> list[int]:
    picture = pixels(source)
    assert (picture == picture[:, :, :1]).all()
    return picture[:, :, 0].ravel().tolist()


def tiff(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    return buffer.getvalue()


EVERY_LEVEL = np.arange(65536, dtype=np.uint16).reshape(256, 256)
# 65535 / 255 = 257 levels to a step, so v / 257 rounded; 257 is odd, so nothing lies half way.
ROUNDED = [round(v / 257) for v in range(65536)]


def test_16_bits_are_scaled_and_not_clipped_in_any_container():
    big_endian = Image.frombytes("I;16B", (256, 256), EVERY_LEVEL.astype(">u2").tobytes())
    sources = [
        png_16(EVERY_LEVEL),
        tiff(Image.fromarray(EVERY_LEVEL)),
        big_endian,
        EVERY_LEVEL,
        EVERY_LEVEL[:, :, None],
    ]
    for source in (*sources, EVERY_LEVEL.astype(">u2")):
        assert grey(source) == ROUNDED


def test_16_bit_png_in_colour_keeps_its_upper_byte():
    colours = np.dstack([EVERY_LEVEL, EVERY_LEVEL[::-1], EVERY_LEVEL.T])
    assert np.abs(pixels(png_16(colours)).astype(int) - colours / 257).max() <= 1


def test_the_transparent_colour_of_a_16_bit_png_becomes_white():
    levels = np.array([[1000, 40000], [40001, 65535]], np.uint16)
    assert grey(png_16(levels, png_chunk(b"tRNS", struct.pack(">H", 40000)))) == [4, 255, 156, 255]
    colours = np.repeat(levels[:, :, None], 3, axis=2)
    assert (
        pixels(png_16(colours, png_chunk(b"tRNS", struct.pack(">HHH", 1000, 1000, 1000))))[0, 0].tolist() == [255] * 3
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([0, 256, 65535], [0, 1, 255]),
        ([-10, 0, 10], [0, 128, 255]),
        ([70000, 80000, 90000], [0, 128, 255]),
        ([70000, 70000, 70000], [0, 0, 0]),
        ([0, 0, 0], [0, 0, 0]),
        ([-(2**31), 0, 2**31 - 1], [0, 128, 255]),
    ],
)
def test_32_bit_integers_use_the_smallest_range_that_holds_them(values, expected):
    image = Image.fromarray(np.array([values], np.int32))
    assert image.mode == "I"
    assert grey(image) == expected
    assert grey(tiff(image)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 1, 2], [0, 1, 2]),
        ([0, 128.4, 255], [0, 128, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-1, 0, 1], [0, 128, 255]),
        ([0, 5e37, 1e38], [0, 128, 255]),
    ],
)
def test_floats_use_the_smallest_range_that_holds_them(values, expected):
    assert grey(tiff(Image.fromarray(np.array([values], np.float32)))) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_floats_are_an_error(value):
    with pytest.raises(PictureError, match="not finite"):
        load_picture(tiff(Image.fromarray(np.array([[0, value, 1]], np.float32))))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_alpha_is_laid_over_white(mode):
    level, alpha = 60, 100
    if mode == "PA":
        image = Image.new("PA", (4, 3), (1, alpha))
        image.putpalette([0, 0, 0, level, level, level])
    else:
        image = Image.new("RGBA", (4, 3), (level, level, level, alpha))
        for step in {"RGBA": [], "LA": ["LA"], "RGBa": ["RGBa"], "La": ["LA", "La"]}[mode]:
            image = image.convert(step)
    assert image.mode == mode
    expected = level * alpha / 255 + 255 - alpha
    assert np.abs(pixels(image).astype(float) - expected).max() <= 1


def test_a_transparent_palette_entry_and_a_transparent_level_become_white():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 0, 0])
    palette.putpixel((1, 0), 1)
    palette.info["transparency"] = 1
    assert pixels(palette).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    palette.info["transparency"] = bytes([255, 0])
    assert pixels(palette).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    level = Image.fromarray(np.array([[7, 8]], np.uint8))
    level.info["transparency"] = 7
    assert grey(level) == [255, 8]


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "CMYK", "RGBX"])
def test_other_colour_spaces_convert_back_to_the_same_colours(mode):
    image = scene(3)
    assert np.abs(pixels(image.convert(mode)).astype(int) - np.asarray(image)).mean() < 3


def test_ink_is_dark():
    assert pixels(Image.new("CMYK", (1, 1), (0, 255, 255, 0))).tolist() == [[[255, 0, 0]]]
    assert pixels(Image.new("CMYK", (1, 1), (0, 0, 0, 255))).tolist() == [[[0, 0, 0]]]
    assert pixels(Image.new("CMYK", (1, 1), (0, 0, 0, 0))).tolist() == [[[255, 255, 255]]]


# Arrays


def test_uint8_arrays_of_each_shape():
    colours = np.asarray(scene(3))
    assert (pixels(colours) == colours).all()
    assert (pixels(colours[::-1, ::2]) == colours[::-1, ::2]).all()
    assert (pixels(colours[:, :, 0]) == colours[:, :, :1]).all()
    assert (pixels(colours[:, :, :1]) == colours[:, :, :1]).all()
    alpha = np.full((*colours.shape[:2], 1), 255, np.uint8)
    alpha[:5] = 0
    shown = pixels(np.dstack([colours, alpha]))
    assert (shown[:5] == 255).all()
    assert (shown[5:] == colours[5:]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_arrays_range_from_black_to_white(dtype):
    assert grey(np.array([[0, 0.25, 0.5, 1, 1]], dtype)) == [0, 64, 128, 255, 255]


def test_floats_may_exceed_the_range_only_by_rounding():
    assert grey(np.array([[-1e-7, 1 + 1e-7]])) == [0, 255]
    with pytest.raises(PictureError, match=r"\[0, 1\]"):
        load_picture(np.array([[0, 1.01]]))


def test_bool_arrays_are_black_and_white():
    assert grey(np.array([[False, True]])) == [0, 255]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 40, 50), np.uint8), "channels last"),
        (np.zeros((4, 5, 2), np.uint8), "(4, 5, 2)"),
        (np.zeros(5, np.uint8), "(5,)"),
        (np.zeros((1, 4, 5, 3), np.uint8), "(1, 4, 5, 3)"),
        (np.array(1, np.uint8), "()"),
        (np.zeros((0, 5), np.uint8), "no pixels"),
        (np.zeros((5, 0, 3), np.uint8), "no pixels"),
        (np.zeros((4, 5), np.int64), "int64"),
        (np.zeros((4, 5), complex), "complex"),
        (np.full((4, 5), "a"), "<U1"),
        (np.zeros((4, 5), object), "object"),
        (np.full((4, 5), 200.0), "[0, 1]"),
        (np.full((4, 5), -0.5), "[0, 1]"),
        (np.full((4, 5), np.nan), "NaN"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.array([[0, np.inf]]), "[0, 1]"),
    ],
)
def test_invalid_arrays_raise_errors_that_name_the_valid_ones(array, words):
    with pytest.raises(PictureError) as caught:
        load_picture(array)
    assert caught.value.source == "<array>"
    assert words in caught.value.reason
