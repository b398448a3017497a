"""Flattened Photoshop documents, and JPEG XL."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.containers import jpeg_xl
from search.pictures.decode import decode
from search.pictures.exif import read_exif
from search.pictures.formats import sniff
from tests.awkward import exif, laid, scene
from tests.profiles_made import converted, rgb_profile
from tests.psd_made import psd, resource
from tests.search.pictures.test_decode import difference, saved

needs_jxl = pytest.mark.skipif(not jpeg_xl.is_supported(), reason="pillow-jxl-plugin is not installed")


def refusal(data: bytes, **options) -> str:
    with pytest.raises(PictureError) as caught:
        decode(data, name="x", **options)
    return caught.value.reason


# Photoshop


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "LAB"])
def test_psd(mode, packed):
    image = scene(1).quantize(200) if mode == "P" else scene(1).convert(mode)
    data = psd(image, packed=packed)
    assert sniff(data) == "PSD"
    shown = scene(1).convert("L").convert("RGB") if mode == "L" else scene(1)
    assert difference(decode(data, name="x"), shown) < 3
    assert decode(data, name="x", target=16).info["full_size"] == (160, 120)


def test_the_fourth_channel_is_transparency_only_if_declared():
    alpha = Image.new("L", scene(1).size, 255)
    alpha.paste(0, (0, 0, 80, 120))
    left = np.asarray(decode(psd(scene(1), alpha=alpha, layers=-1), name="x"))[:, :80]
    assert left.min() == left.max()
    for layers in (0, 1):
        assert difference(decode(psd(scene(1), alpha=alpha, layers=layers), name="x"), scene(1)) == 0


def test_the_profile_of_a_psd():
    data = psd(Image.fromarray(converted(scene(1), "Adobe RGB")), resource(1039, rgb_profile("Adobe RGB")))
    assert difference(decode(data, name="x"), scene(1)) < 2.5


def test_errors_about_unreadable_documents_name_a_remedy():
    info = struct.pack(">IB", 1, 0) + bytes(12)
    assert "Maximize Compatibility" in refusal(psd(scene(1), resource(1057, info)))
    assert decode(psd(scene(1), resource(1057, struct.pack(">IB", 1, 1) + bytes(12))), name="x").size == (160, 120)
    assert "PSB" in refusal(psd(scene(1), version=2))
    assert "16 bits" in refusal(psd(scene(1), depth=16))


def test_limits_of_a_psd():
    data = psd(scene(1))
    assert "too many pixels: 60000 x 60000" in refusal(data[:14] + struct.pack(">II", 60_000, 60_000) + data[22:])
    assert "resources" in refusal(psd(scene(1), resource(1000, b"") * 20_000))
    assert refusal(data[: len(data) // 2])
    assert refusal(data[:20])


def test_damaged_documents_are_refused_or_read():
    data, chance = psd(scene(1), resource(1039, rgb_profile("linear")), layers=-1), np.random.default_rng(2)
    for _ in range(150):
        hurt = bytearray(data)
        for place in chance.integers(0, 300, 3):
            hurt[place] = chance.integers(0, 256)
        try:
            assert decode(bytes(hurt), name="x", config=DecodeConfig(max_pixels=1_000_000)).mode == "RGB"
        except PictureError:
            continue


# JPEG XL


def jxl(image: Image.Image, **options) -> bytes:
    import pillow_jxl  # registers the encoder that the tests need

    assert pillow_jxl
    return saved(image, "JXL", **{"lossless": True, "effort": 1, **options})


HEADERS = {
    # By hand, from ISO/IEC 18181-1, section D.2: small sizes in eighths, ratios, and the four lengths.
    (8, 8): "1 00000 100",  # small, height 8, ratio 1:1
    (256, 256): "1 11111 100",
    (160, 120): "1 01110 110",  # 4:3
    (1, 1): "0 00 000000000 000 00 000000000",
}


@pytest.mark.parametrize("size", HEADERS)
def test_the_size_is_in_the_first_bits(size):
    bits = HEADERS[size].replace(" ", "").ljust(80, "0")
    packed = int(bits[::-1], 2).to_bytes(10, "little")
    assert jpeg_xl.header(b"\xff\x0a" + packed) is not None


@needs_jxl
@pytest.mark.parametrize("size", [(160, 120), (8, 8), (333, 222), (1000, 1000), (4001, 77), (3000, 2000)])
@pytest.mark.parametrize("container", [True, False])
def test_the_size_is_read_before_it_is_decoded(size, container):
    data = jxl(Image.new("RGB", size, "teal"), use_container=container)
    assert data.startswith(jpeg_xl.CONTAINER if container else jpeg_xl.CODESTREAM)
    assert jpeg_xl.header(data) == (size, 1)
    pixels = size[0] * size[1]
    assert "for JPEG XL" in refusal(data, config=DecodeConfig(max_costly_pixels=pixels - 1))


@needs_jxl
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_jpeg_xl(mode):
    data = jxl(scene(1).convert(mode))
    assert sniff(data) == "JPEG XL"
    shown = scene(1) if mode.startswith("RGB") else scene(1).convert("L").convert("RGB")
    assert difference(decode(data, name="x"), shown) == 0
    assert decode(data, name="x", target=16).info["full_size"] == (160, 120)


@needs_jxl
@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_xl_is_turned_once(orientation, tmp_path):
    """By its EXIF if the codestream states nothing; by the codestream for a losslessly packed JPEG."""
    stored = laid(scene(5), orientation)
    assert difference(decode(jxl(stored, exif=exif(orientation)), name="x"), scene(5)) == 0
    stored.save(tmp_path / "x.jpg", quality=95, exif=exif(orientation))
    with Image.open(tmp_path / "x.jpg") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = saved(opened, "JXL", lossless_jpeg=True)
    assert jpeg_xl.header(data) == (stored.size, orientation)
    picture = decode(data, name="x")
    assert picture.info["full_size"] == scene(5).size
    assert difference(picture, scene(5)) < 4


@needs_jxl
def test_the_profile_and_exif_of_a_jpeg_xl():
    block = Image.Exif()
    block[0x010F] = "Canon"
    assert read_exif(jxl(scene(1), exif=block.tobytes())).camera == "Canon"


@needs_jxl
def test_damaged_jpeg_xl():
    data, chance = jxl(scene(1)), np.random.default_rng(3)
    for cut in (2, 5, 12, 30, len(data) // 2):
        assert refusal(data[:cut])
    for _ in range(80):
        hurt = bytearray(data)
        for place in chance.integers(0, len(data), 3):
            hurt[place] = chance.integers(0, 256)
        try:
            assert decode(bytes(hurt), name="x", config=DecodeConfig(max_costly_pixels=1_000_000)).mode == "RGB"
        except PictureError:
            continue


def test_without_the_plugin_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(jpeg_xl, "is_supported", lambda: False)
    stream = b"\xff\x0a" + int(HEADERS[160, 120].replace(" ", "").ljust(80, "0")[::-1], 2).to_bytes(10, "little")
    assert refusal(stream).endswith('pip install "twinlens[jxl]"')
    assert read_exif(stream).camera is None
    assert "codestream" in refusal(jpeg_xl.CONTAINER + bytes(40))
    assert io.BytesIO(stream)
