from __future__ import annotations

import io
import random
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageFile

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.decode import PICTURE_SUFFIXES, decode, load_picture, picture_name
from tests.awkward import broken_files, exif, expected_pictures, good_files, laid, scene


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, Path]:
    return good_files(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> dict[str, Path]:
    return broken_files(tmp_path_factory.mktemp("broken"))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference in levels of 0..255; infinite if the sizes differ."""
    if one.size != other.size:
        return float("inf")
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).mean())


def reason(source, **options) -> str:
    with pytest.raises(PictureError) as caught:
        load_picture(source, **options)
    assert caught.value.source == picture_name(source)
    return caught.value.reason


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# Every kind of file


def test_every_good_file_decodes_upright_in_rgb(good):
    exact = ("lossless", "png", "tiff", "bmp", "gif")
    expected = expected_pictures()
    wrong = {}
    for kind, path in good.items():
        picture = load_picture(path)
        allowed = 2.0 if kind.startswith(exact) else 5.0
        if picture.mode != "RGB" or (gap := difference(picture, expected[kind])) > allowed:
            wrong[kind] = (picture.mode, picture.size, gap)
    assert wrong == {}
    assert len(good) > 40


def test_scenes_differ_far_more_than_any_format_alters_them():
    thumbnails = [np.asarray(image.resize((16, 12))).astype(int) for image in expected_pictures().values()]
    nearest = min(np.abs(a - b).mean() for i, a in enumerate(thumbnails) for b in thumbnails[:i])
    assert nearest > 15


def test_every_broken_file_raises_an_error_with_its_name(broken):
    errors = {}
    for kind, path in broken.items():
        try:
            load_picture(path)
        except PictureError as error:
            errors[kind] = error
    assert set(errors) == set(broken)
    assert len(errors) > 40
    for kind, error in errors.items():
        assert str(error) == f"{broken[kind]}: {error.reason}"
        assert error.reason.splitlines() == [error.reason]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "empty file (0 bytes)"),
        ("zero bytes", "zero bytes"),
        ("text", "text"),
        ("html", "web page"),
        ("zip", "ZIP"),
        ("program", "program"),
        ("random", "unknown format"),
        ("jpeg truncated", "truncated"),
        ("png truncated", "truncated"),
        ("gif truncated", "truncated"),
        ("webp truncated", "truncated"),
        ("avif truncated", "truncated"),
        ("heic truncated", "truncated"),
        ("tiff truncated", "truncated"),
        ("tiff lzw truncated", "truncated"),
        ("bmp truncated", "truncated"),
        ("png bad checksum", "corrupt"),
        ("png zero width", "no pixels: its size is 0 x 10"),
        ("bmp negative width", "no pixels: its size is -160 x 120"),
        ("png bomb", "too many pixels: 60000 x 60000"),
        ("jpeg bomb", "too many pixels: 65000 x 65000"),
        ("webp bomb", "too many pixels: 16384 x 16384"),
        ("gif bomb", "too many pixels: 65535 x 65535"),
    ],
)
def test_the_reason_of_an_error(broken, kind, words):
    assert words in reason(broken[kind])


def test_mutated_files_decode_or_raise_picture_error(good):
    files = [(kind, path.read_bytes()) for kind, path in good.items()]
    chance = random.Random(0)
    outcomes = {"decoded": 0, "refused": 0}
    for turn in range(600):
        kind, data = files[turn % len(files)]
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 3, 12))):
            reach = min(len(damaged), chance.choice((64, 400, len(damaged))))
            damaged[chance.randrange(reach)] = chance.choice((0, 255, 128, chance.randrange(256)))
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            assert decode(bytes(damaged), name=kind, target=chance.choice((None, 16))).mode == "RGB"
            outcomes["decoded"] += 1
        except PictureError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize("suffix", [".jpg", ".jfif", ".jpe", ".tif", ".heif", ".avif", ".webp", ".bmp", ".gif", ".png"])
def test_suffixes_are_in_lower_case(suffix):
    assert suffix in PICTURE_SUFFIXES
    assert all(known == known.lower() for known in PICTURE_SUFFIXES)


# Orientation


def test_heic_with_exif_is_turned_once():
    upright = scene(5)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(laid(upright, 8)).save(buffer, quality=90, exif=exif(8))
    picture = load_picture(buffer.getvalue())
    assert picture.size == upright.size
    assert difference(picture, upright) < 5


def test_a_pil_image_is_turned_by_its_exif():
    upright = scene(5)
    opened = Image.open(io.BytesIO(saved(laid(upright, 6), "PNG", exif=exif(6))))
    assert difference(load_picture(opened), upright) == 0


@pytest.mark.parametrize(
    "patch", [b"XXXXXXXX", b"MM\0*\x7f\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\x01\x12\x09\x09\xff"]
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_corrupt_exif_block_is_ignored(kind, patch):
    upright = scene(6)
    data = saved(upright, kind, quality=90, exif=exif(6))
    at = data.index(exif(6)[6:])
    assert difference(load_picture(data[:at] + patch + data[at + len(patch) :]), upright) < 5


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_invalid_orientation_is_ignored(value):
    assert load_picture(saved(scene(6), "PNG", exif=exif(value))).size == scene(6).size


# Scaled decoding


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("target", [1, 16, 31, 32, 100, 128, 250, 300, 700])
def test_the_target_bounds_the_shorter_side(kind, target):
    picture = decode(saved(scene(1, (900, 601)), kind), name="x", target=target)
    assert picture.info["full_size"] == (900, 601)
    shorter = min(picture.size)
    if 4 * target > 601:
        assert shorter == 601 or 2 * target <= shorter
    else:
        assert 2 * target <= shorter < 4 * target
    assert picture.width / picture.height == pytest.approx(900 / 601, rel=1 / shorter)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_24_megapixel_jpeg_is_decoded_at_an_eighth(orientation):
    stored = scene(2, (600, 400)).resize((6000, 4000), Image.Resampling.NEAREST)
    data = saved(stored, "JPEG", quality=90, exif=exif(orientation))
    picture = decode(data, name="x", target=128)
    assert picture.size == ((750, 500) if orientation == 1 else (500, 750))
    assert picture.info["full_size"] == ((6000, 4000) if orientation == 1 else (4000, 6000))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_reduced_picture_resizes_to_nearly_the_same_as_the_full_one(kind):
    data = saved(scene(3, (1200, 900)), kind)
    full, scaled = decode(data, name="x"), decode(data, name="x", target=64)
    assert scaled.size != full.size
    small = [image.resize((64, 64), Image.Resampling.BICUBIC) for image in (full, scaled)]
    assert difference(*small) < 1


def test_the_target_reduces_images_and_arrays_too():
    image = scene(3, (1200, 900))
    for source in (image, np.asarray(image)):
        picture = load_picture(source, target=64)
        assert picture.size == (172, 129)  # 900 // 128 = 7
        assert picture.info["full_size"] == (1200, 900)


def test_a_long_thin_picture_is_not_reduced():
    assert load_picture(Image.new("RGB", (5000, 3)), target=64).size == (5000, 3)


def test_a_target_below_one_is_a_value_error():
    for call in (lambda: load_picture("missing.jpg", target=0), lambda: decode(b"", name="x", target=-1)):
        with pytest.raises(ValueError, match="at least 1"):
            call()


# Limits


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"])
def test_the_pixel_limit_is_checked_before_decoding(kind, monkeypatch):
    data = saved(scene(4, (40, 30)), kind)
    assert decode(data, name="x", config=DecodeConfig(max_pixels=1200)).size == (40, 30)

    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PictureError, match=r"^x: too many pixels: 40 x 30, the limit is 1,199 in all$"):
        decode(data, name="x", config=DecodeConfig(max_pixels=1199))


def test_the_pixel_limit_applies_to_images_and_arrays():
    small = DecodeConfig(max_pixels=1199)
    assert "too many pixels" in reason(scene(4, (40, 30)), config=small)
    assert "too many pixels" in reason(np.zeros((30, 40), np.uint8), config=small)


def test_pillows_limit_does_not_apply(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Image.open would call 1200 pixels a bomb
    assert decode(saved(scene(4, (40, 30)), "JPEG"), name="x").size == (40, 30)
    assert decode(saved(scene(4, (40, 30)), "PNG"), name="x").size == (40, 30)


def test_pillows_bomb_check_becomes_a_picture_error(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "too many pixels" in reason(saved(scene(4, (40, 30)), "TIFF"))


def test_the_byte_limit_is_checked_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: takes no space on the disk
    assert "too many bytes" in reason(path)
    config = DecodeConfig(max_bytes=10)
    assert "too many bytes" in reason(b"12345678901", config=config)
    assert "too many bytes" in reason(io.BytesIO(b"12345678901"), config=config)
    assert "unknown format" in reason(b"\x01234567890"[:10], config=config)


def test_pillows_settings_are_not_changed(good, broken):
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN))
    for path in (*good.values(), *broken.values()):
        try:
            load_picture(path)
        except PictureError:
            continue
    assert before[:2] == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert "HEIF" not in before[2]
    assert "HEIF" not in Image.OPEN


def test_other_formats_of_pillow_are_never_opened(tmp_path):
    for kind, suffix in (("PPM", "ppm"), ("TGA", "tga"), ("ICO", "ico"), ("PCX", "pcx"), ("EPS", "eps")):
        path = tmp_path / f"picture.{suffix}.png"
        path.write_bytes(saved(scene(1, (32, 32)), kind))
        assert "not a picture" in reason(path)


# Warnings, threads, imports


PILLOW_SAYS = "corrupt EXIF|larger than file|Truncated"


def _tiff_that_makes_pillow_warn() -> bytes:
    """A valid picture whose last tag claims more bytes than the file has."""
    data = saved(scene(9), "TIFF", copyright="x" * 40)
    at = data.index(b"\x98\x82\x02\x00")  # tag 33432, ASCII
    return data[: at + 4] + b"\xff\xff\xff\x0f" + data[at + 8 :]


def test_the_warning_tiff_makes_pillow_warn():
    with pytest.warns(UserWarning, match=PILLOW_SAYS), Image.open(io.BytesIO(_tiff_that_makes_pillow_warn())) as image:
        image.load()


def test_plugin_warnings_neither_escape_nor_stop_decoding():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert difference(load_picture(_tiff_that_makes_pillow_warn()), scene(9)) == 0
    assert seen == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert difference(load_picture(_tiff_that_makes_pillow_warn()), scene(9)) == 0


def test_warnings_are_not_suppressed_after_decoding():
    load_picture(_tiff_that_makes_pillow_warn())
    with pytest.warns(UserWarning, match=PILLOW_SAYS), Image.open(io.BytesIO(_tiff_that_makes_pillow_warn())) as image:
        image.load()


def test_threads_decode_in_parallel_without_a_warning(good):
    data = {kind: path.read_bytes() for kind, path in good.items()} | {"warns": _tiff_that_makes_pillow_warn()}
    alone = {kind: decode(content, name=kind).tobytes() for kind, content in data.items()}
    jobs = list(data) * 3
    with ThreadPoolExecutor(6) as threads:
        together = threads.map(lambda kind: decode(data[kind], name=kind).tobytes(), jobs)
        assert all(pixels == alone[kind] for kind, pixels in zip(jobs, together, strict=True))


def test_importing_the_decoder_imports_neither_pillow_nor_numpy(good):
    code = (
        "import sys; from search.pictures import decode, source\n"
        "def loaded(): return [m for m in ('PIL', 'numpy', 'pillow_heif') if m in sys.modules]\n"
        "assert loaded() == [], loaded()\n"
        f"decode.load_picture({str(good['jpeg'])!r})\n"
        "assert 'pillow_heif' not in sys.modules\n"
        f"decode.load_picture({str(good['heic'])!r})\n"
        "assert 'pillow_heif' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
