"""A picture in another colour space and its sRGB copy are decoded to the same colours."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from search.encoders import load_encoder
from search.pictures.colours import profiles as colour_profiles
from search.pictures.decode import decode, load_picture
from tests.awkward import exif, laid, png_chunk, scene
from tests.profiles_made import (
    SPACES,
    SRGB,
    converted,
    grey_profile,
    icc,
    ink_profile,
    rgb_profile,
    to_linear,
)
from tests.search.pictures.test_decode import difference, saved

LOSSLESS = {
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 98, "subsampling": 0},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
}


def heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=98, chroma=444, **options)
    return buffer.getvalue()


def wide(name: str, seed: int = 1) -> Image.Image:
    return Image.fromarray(converted(scene(seed), name))


def gap(data: bytes, expected: Image.Image, **options) -> float:
    return difference(decode(data, name="x", **options), expected)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_every_space_in_every_format(kind, name):
    image = wide(name)
    assert gap(saved(image, kind, icc_profile=rgb_profile(name), **LOSSLESS[kind]), scene(1)) < 2.5
    assert gap(saved(image, kind, **LOSSLESS[kind]), scene(1)) > 4


@pytest.mark.parametrize("name", SPACES)
def test_heic(name):
    image = wide(name)
    assert gap(heic(image, icc_profile=rgb_profile(name)), scene(1)) < 3


@pytest.mark.parametrize("name", SPACES)
def test_the_srgb_copy_has_nearly_the_same_vector(name):
    encoder = load_encoder("color-layout")
    pairs = [(saved(scene(seed), "PNG"), wide(name, seed)) for seed in range(4)]
    plain, tagged = [], []
    for copy, image in pairs:
        for found, options in ((plain, {}), (tagged, {"icc_profile": rgb_profile(name)})):
            data = saved(image, "PNG", **options)
            pictures = [decode(each, name="x", target=encoder.input_size) for each in (copy, data)]
            one, other = encoder.encode(pictures)
            found.append(float(np.linalg.norm(one - other)))
    assert max(tagged) < 0.03
    assert max(tagged) < min(plain) / 2


def test_reduced_pictures_are_converted_too():
    image = scene(2, (1200, 900))
    data = saved(Image.fromarray(converted(image, "ProPhoto")), "JPEG", quality=95, icc_profile=rgb_profile("ProPhoto"))
    picture = decode(data, name="x", target=64)
    assert picture.info["full_size"] == (1200, 900)
    assert difference(picture, decode(saved(image, "JPEG", quality=95), name="x", target=64)) < 2


def test_large_pictures_are_converted_in_bands(monkeypatch):
    from search.pictures.colours import pixel_modes

    data = saved(wide("Adobe RGB"), "PNG", icc_profile=rgb_profile("Adobe RGB"))
    whole = decode(data, name="x")
    monkeypatch.setattr(pixel_modes, "_BAND", 1000)
    assert difference(decode(data, name="x"), whole) == 0


def test_palettes_and_transparency_keep_their_profile():
    image = wide("linear")
    palette = saved(image.quantize(255), "PNG", icc_profile=rgb_profile("linear"))
    assert gap(palette, scene(1)) < 8
    alpha = image.copy()
    alpha.putalpha(255)
    assert gap(saved(alpha, "PNG", icc_profile=rgb_profile("linear")), scene(1)) < 2.5


def test_an_image_in_memory_is_converted_like_its_file():
    data = saved(wide("Display P3"), "PNG", icc_profile=rgb_profile("Display P3"))
    opened = Image.open(io.BytesIO(data))
    before = opened.copy().tobytes()
    assert difference(load_picture(opened), decode(data, name="x")) == 0
    assert opened.tobytes() == before


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_grey_profiles(kind):
    grey = scene(3).convert("L")
    linear = Image.fromarray(np.round(to_linear(np.asarray(grey) / 255) * 255).astype(np.uint8))
    assert gap(saved(linear, kind, icc_profile=grey_profile(1.0)), grey.convert("RGB")) < 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_ink(kind):
    """Each pure ink, and paper; this includes Adobe's inverted JPEGs, because Pillow writes no others."""
    inks = Image.new("CMYK", (64, 16))
    for place, ink in enumerate(((0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255))):
        inks.paste(ink, (16 * place, 0, 16 * place + 16, 16))
    data = saved(inks, kind, icc_profile=ink_profile())
    assert b"Adobe" in data or kind == "TIFF"
    shown = np.asarray(decode(data, name="x"))[8, 8::16].astype(int)
    assert np.abs(shown - ((255, 255, 255), (0, 255, 255), (255, 0, 0), (0, 0, 0))).max() < 12


def test_lab_with_a_profile_is_read_as_without_one():
    data = saved(
        scene(1).convert("LAB"), "TIFF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    )
    assert gap(data, scene(1)) < 3


def _png(image: Image.Image, *chunks: bytes) -> bytes:
    data = saved(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def _gama(gamma: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def _chrm(name: str) -> bytes:
    red, green, blue, white = SPACES[name][0]
    return png_chunk(
        b"cHRM", struct.pack(">8I", *(round(v * 100_000) for point in (white, red, green, blue) for v in point))
    )


def test_the_gamma_and_primaries_chunks_of_a_png():
    assert gap(_png(wide("linear"), _gama(1.0)), scene(1)) < 2.5
    assert gap(_png(wide("Adobe RGB"), _gama(1 / 2.19921875), _chrm("Adobe RGB")), scene(1)) < 2.5
    assert gap(_png(wide("ProPhoto"), _gama(1 / 1.80078125), _chrm("ProPhoto")), scene(1)) < 2.5


def test_the_precedence_of_png_chunks():
    srgb, wrong = png_chunk(b"sRGB", b"\0"), _gama(1.0)
    assert gap(_png(scene(1), srgb, wrong), scene(1)) == 0
    assert gap(_png(scene(1), _gama(0.45455)), scene(1)) == 0
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(rgb_profile("linear")))
    assert gap(_png(wide("linear"), srgb, profile), scene(1)) < 2.5
    points = png_chunk(b"cICP", bytes((12, 13, 0, 1)))
    assert gap(_png(wide("Display P3"), points), scene(1)) < 2.5
    assert gap(_png(wide("Display P3"), points, profile), scene(1)) < 2.5


@pytest.mark.parametrize(
    "chunk",
    [
        *(_gama(value) for value in (0, 40_000, 1e-5)),
        *(png_chunk(name, body) for name in (b"gAMA", b"cHRM", b"cICP", b"iCCP") for body in (b"", b"\xff" * 32)),
        png_chunk(b"cICP", b"\xff\xff\xff\xff"),
    ],
)
def test_invalid_chunks_are_ignored(chunk):
    assert gap(_png(scene(1), chunk), scene(1)) == 0
    assert gap(_png(scene(1), _gama(0.5), png_chunk(b"cHRM", bytes(32))), scene(1)) < 20


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_code_points_of_avif_and_heic(kind):
    image = wide("Display P3")
    data = saved(image, "AVIF", quality=98, subsampling="4:4:4") if kind == "AVIF" else heic(image)
    at = data.find(b"colrnclx")
    if at < 0:
        pytest.skip("this encoder writes no code points")
    data = data[: at + 8] + struct.pack(">HH", 12, 13) + data[at + 12 :]
    assert gap(data, scene(1)) < 3


def test_adobe_rgb_from_camera_exif():
    def marked(details: dict[int, object], index: str | None) -> bytes:
        block = Image.Exif()
        block.get_ifd(0x8769).update(details)
        if index is not None:
            block.get_ifd(0x8769)[0xA005] = {1: index}
        return saved(wide("Adobe RGB"), "JPEG", quality=98, subsampling=0, exif=block.tobytes())

    assert gap(marked({0xA001: 0xFFFF}, "R03"), scene(1)) < 2.5
    assert gap(marked({0xA001: 2}, None), scene(1)) < 2.5
    assert gap(marked({0xA001: 1}, "R98"), scene(1)) > 4


# What changes nothing


def test_srgb_stays_bit_identical():
    for profile in (rgb_profile("sRGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        assert gap(saved(scene(1), "PNG", icc_profile=profile), scene(1)) == 0
        assert colour_profiles.to_srgb(profile) is None


def test_a_transform_is_built_once(monkeypatch):
    profile = rgb_profile("Rec. 2020") + b"another"
    assert colour_profiles.to_srgb(profile) is not None
    monkeypatch.setattr(colour_profiles, "_made", None)
    assert colour_profiles.to_srgb(bytes(bytearray(profile))) is not None


def _damaged() -> dict[str, bytes]:
    good = rgb_profile("ProPhoto")
    return {
        "no profile": b"profile" * 40,
        "cut": good[:300],
        "header only": good[:128],
        "of other pixels": grey_profile(1.0),
        "of ink": ink_profile(),
        "zeros": good[:132] + bytes(len(good) - 132),
        "a million tags": good[:128] + struct.pack(">I", 1_000_000) + good[132:],
        "no curves": icc({b"wtpt": b"XYZ \0\0\0\0" + bytes(12)}, b"RGB "),
        "of a named colour": good[:12] + b"nmcl" + good[16:],
        "of a device link": good[:12] + b"link" + good[16:],
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("what", _damaged())
def test_an_unusable_profile_is_ignored(kind, what):
    data = saved(scene(1), kind, icc_profile=_damaged()[what], **LOSSLESS[kind])
    assert gap(data, decode(saved(scene(1), kind, **LOSSLESS[kind]), name="x")) == 0


@pytest.mark.slow
def test_profiles_with_damage_anywhere_never_raise():
    good, chance = rgb_profile("Adobe RGB"), np.random.default_rng(5)
    for profile in (good, ink_profile()):
        image = scene(1).convert("CMYK" if profile is not good else "RGB")
        for _ in range(150):
            damaged = bytearray(profile)
            for place in chance.integers(0, len(profile), 3):
                damaged[place] = chance.integers(0, 256)
            assert load_picture(saved(image, "TIFF", icc_profile=bytes(damaged))).mode == "RGB"


def test_a_huge_profile_is_ignored():
    profile = rgb_profile("linear") + bytes(3 << 20)
    assert gap(saved(wide("linear"), "TIFF", icc_profile=profile), scene(1)) < 3
    monstrous = rgb_profile("linear") + bytes(17 << 20)
    assert gap(saved(wide("linear"), "TIFF", icc_profile=monstrous), wide("linear")) == 0


@pytest.mark.parametrize("length", [900_000, 3 << 20, 200 << 20])
def test_a_png_is_read_whatever_the_size_of_its_profile(length):
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(length >> 20)) + packer.flush()
    assert gap(_png(scene(1), png_chunk(b"iCCP", b"x\0\0" + packed)), scene(1)) == 0


def test_rotated_pictures_are_converted_too():
    data = saved(laid(wide("linear"), 6), "PNG", icc_profile=rgb_profile("linear"), exif=exif(6))
    assert gap(data, scene(1)) < 2.5


def test_the_reference_is_correct():
    for name in SPACES:
        assert difference(wide(name), scene(1)) > 4
    assert SRGB[3] == (0.3127, 0.3290)
