"""Limits that are checked before decoding, and the lock for large pictures."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures import large_pictures
from search.pictures.colours import pixel_modes
from search.pictures.decode import decode
from search.pictures.formats import sniff
from search.pictures.limits import structure_excess
from tests.awkward import good_files, scene


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_good_files_exceed_no_limit(tmp_path):
    files = {kind: path.read_bytes() for kind, path in good_files(tmp_path).items()}
    assert {kind: structure_excess(sniff(data), data) for kind, data in files.items()} == dict.fromkeys(files)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 8, 12, 20, 33])
def test_truncated_files_exceed_no_limit(tmp_path, length):
    for path in good_files(tmp_path).values():
        data = path.read_bytes()
        assert structure_excess(sniff(data), data[:length]) is None


def test_fill_bytes_are_counted_exactly():
    data = saved(scene(1), "JPEG")
    for fill in (0, 1, 2, 3, 1000, 65_535):
        padded = b"\xff\xd8" + b"\xff" * fill + data[2:]
        assert structure_excess("JPEG", padded) is None
        assert decode(padded, name="x").size == scene(1).size
    assert "belong to no segment" in str(structure_excess("JPEG", b"\xff\xd8" + b"\xff" * 65_537 + data[2:]))


def test_scans_are_weighted_by_their_pixels():
    data = saved(scene(1), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    many = data[:-2] + data[last:-2] * 5_000 + data[-2:]
    assert structure_excess("JPEG", many) is None  # of a small picture
    frame = many.index(b"\xff\xc2")
    large = many[: frame + 5] + b"\x10\0\x10\0" + many[frame + 9 :]
    assert "too many scans: 5,0" in str(structure_excess("JPEG", large))


@pytest.mark.parametrize(("kind", "limit"), [("WEBP", "for WebP"), ("AVIF", "for AVIF")])
def test_costly_formats_have_their_own_limit(kind, limit):
    data = saved(scene(4, (40, 30)), kind)
    assert decode(data, name="x", config=DecodeConfig(max_costly_pixels=1200)).size == (40, 30)
    with pytest.raises(PictureError, match=limit):
        decode(data, name="x", config=DecodeConfig(max_costly_pixels=1199))
    assert decode(saved(scene(4, (40, 30)), "PNG"), name="x", config=DecodeConfig(max_costly_pixels=1)).size == (40, 30)


def test_a_long_side_is_refused():
    data = saved(Image.new("RGB", (40, 2)), "PNG")
    assert decode(data, name="x", config=DecodeConfig(max_side=40)).size == (40, 2)
    with pytest.raises(PictureError, match="too long a side: 40 x 2, the limit is 39"):
        decode(data, name="x", config=DecodeConfig(max_side=39))


def _pictures() -> dict[str, Image.Image]:
    image = scene(5, (83, 61))
    grey = image.convert("L")
    values = np.asarray(grey)
    alpha = image.copy()
    alpha.putalpha(grey)
    key = image.quantize(16)
    key.info["transparency"] = 3
    return {
        "RGB": image,
        "L": grey,
        "1": image.convert("1"),
        "P with a key": key,
        "RGBA": alpha,
        "LA": alpha.convert("LA"),
        "RGBa": alpha.convert("RGBa"),
        "CMYK": image.convert("CMYK"),
        "LAB": image.convert("LAB"),
        "I;16": Image.fromarray(values.astype(np.uint16) * 257),
        "I of a wide range": Image.fromarray(values.astype(np.int32) * 70_000 - 5),
        "F up to 1": Image.fromarray(values.astype(np.float32) / 255),
        "F of a wide range": Image.fromarray(values.astype(np.float32) * -1000),
    }


@pytest.mark.parametrize("name", _pictures())
@pytest.mark.parametrize("factor", [1, 2, 7])
def test_bands_give_the_same_pixels_as_the_full_picture(name, factor, monkeypatch):
    image = _pictures()[name]
    whole = pixel_modes.to_rgb(image)
    whole = whole.reduce(factor) if factor > 1 else whole
    for band in (1, 83 * 5, 83 * 60):
        monkeypatch.setattr(pixel_modes, "_BAND", band)
        banded = pixel_modes.reduced_rgb(image, factor)
        assert banded.size == whole.size
        assert np.array_equal(np.asarray(banded), np.asarray(whole)), band


def test_a_non_finite_value_is_detected_in_any_band(monkeypatch):
    values = np.zeros((50, 20), np.float32)
    values[49, 3] = np.nan
    monkeypatch.setattr(pixel_modes, "_BAND", 40)
    with pytest.raises(ValueError, match="not finite"):
        pixel_modes.reduced_rgb(Image.fromarray(values), 2)


def test_only_large_pictures_are_decoded_one_at_a_time():
    inside, most = 0, {True: 0, False: 0}
    guard = threading.Lock()

    def work(large: bool) -> None:
        nonlocal inside
        with large_pictures.alone(large):
            with guard:
                inside += 1
                most[large] = max(most[large], inside)
            time.sleep(0.02)
            with guard:
                inside -= 1

    for large in (True, False):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, [large] * 8))
    assert most[True] == 1
    assert most[False] > 1


def test_a_large_file_with_a_large_picture_does_not_deadlock():
    with large_pictures.alone(True), large_pictures.alone(True):
        assert large_pictures.alone(False) is not large_pictures.alone(True)
