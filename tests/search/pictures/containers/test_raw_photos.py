"""Raw photos are recognised by content, read from their preview or developed, and keep the photo's own size."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.containers import raw_development
from search.pictures.containers.raw_files import is_raw
from search.pictures.containers.raw_previews import read_raw
from search.pictures.decode import PICTURE_SUFFIXES, decode
from search.pictures.exif import read_exif
from search.pictures.formats import sniff
from tests.awkward import exif, good_files, laid, scene
from tests.raw_made import TiffWriter, arw, cr2, cr3, dng, jpeg, long, nef, octets, raf, short
from tests.search.pictures.test_decode import difference

SIZE = (320, 240)


def small(image: Image.Image) -> Image.Image:
    return image.resize((80, 60)) if image.width > image.height else image.resize((60, 80))


def made(image: Image.Image, orientation: int = 1) -> dict[str, bytes]:
    return {
        "dng": dng(image, preview=image, orientation=orientation),
        "nef": nef(image, orientation=orientation),
        "cr2": cr2(image, orientation=orientation),
        "cr3": cr3(image, orientation=orientation),
        "arw": arw(image, image.resize((image.width // 2, image.height // 2)), orientation=orientation),
        "raf": raf(image, exif=exif(orientation)) if orientation > 1 else raf(image),
    }


@pytest.fixture
def without_rawpy(monkeypatch):
    monkeypatch.setattr(raw_development, "is_supported", lambda: False)


needs_rawpy = pytest.mark.skipif(not raw_development.is_supported(), reason="rawpy is not installed")


def test_raw_photos_are_recognised_by_content(tmp_path):
    for name, data in made(scene(1, SIZE)).items():
        assert is_raw(data), name
        assert sniff(data) == "raw"
        assert not is_raw(data[:7])
    for path in good_files(tmp_path).values():
        assert not is_raw(path.read_bytes())


@pytest.mark.parametrize("suffix", [".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".psd", ".jxl"])
def test_suffixes_are_scanned(suffix):
    assert suffix in PICTURE_SUFFIXES


@pytest.mark.parametrize("kind", made(scene(1, SIZE)))
def test_the_preview_is_read(kind, without_rawpy):
    picture = decode(made(scene(1, SIZE))[kind], name="x")
    assert difference(small(picture), small(scene(1, SIZE))) < 3
    assert picture.info == {"full_size": SIZE}


@pytest.mark.parametrize("kind", made(scene(1, SIZE)))
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_preview_is_turned_once(kind, orientation, without_rawpy):
    upright = scene(2, (240, 320)) if orientation > 4 else scene(2, SIZE)
    picture = decode(made(laid(upright, orientation), orientation)[kind], name="x")
    assert difference(small(picture), small(upright)) < 3
    assert picture.info["full_size"] == upright.size


def test_the_size_is_that_of_the_photo(without_rawpy):
    image = scene(1, SIZE)
    picture = decode(dng(image, preview=image.resize((160, 120))), name="x", target=16)
    assert picture.info["full_size"] == SIZE
    assert min(picture.size) < 64


def test_without_a_preview_the_extra_is_named(without_rawpy):
    with pytest.raises(PictureError, match=r'^x: .*pip install "twinlens\[raw\]"$'):
        decode(dng(scene(1, SIZE)), name="x")


@needs_rawpy
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_without_a_preview_is_developed(orientation):
    upright = scene(3, SIZE if orientation == 1 else (240, 320))
    picture = decode(dng(laid(upright, orientation), orientation=orientation), name="x")
    assert picture.info["full_size"] == upright.size
    assert picture.size == (upright.width // 2, upright.height // 2)
    one, other = (np.asarray(small(image).convert("L"), float).ravel() for image in (picture, upright))
    assert np.corrcoef(one, other)[0, 1] > 0.98
    assert difference(small(picture), small(upright)) < 25


@needs_rawpy
def test_a_photo_with_a_small_preview_is_developed_too():
    image = scene(3, SIZE)
    assert decode(dng(image, preview=image.resize((60, 45))), name="x").size == (160, 120)
    assert decode(dng(image, preview=image.resize((160, 120))), name="x").size == (160, 120)


@needs_rawpy
def test_files_unknown_to_libraw_fall_back_to_their_preview():
    image = scene(3, SIZE)
    picture = decode(arw(image, image.resize((64, 48))), name="x")
    assert picture.info["full_size"] == SIZE
    assert picture.size == (64, 48)


def test_a_raw_tiff_with_plain_pixels(without_rawpy):
    """As in some DNGs: the picture itself is in a SubIFD, after a thumbnail."""
    image, file = scene(4, SIZE), TiffWriter()

    def page(shown: Image.Image, subfile: int) -> list:
        return [
            long(254, subfile),
            long(256, shown.width),
            long(257, shown.height),
            short(258, 8, 8, 8),
            short(259, 1),
            short(262, 2),
            long(273, file.put(shown.tobytes())),
            short(277, 3),
            long(278, shown.height),
            long(279, 3 * shown.width * shown.height),
        ]

    below = file.directory(page(image, 0))
    thumbnail = page(image.resize((16, 12)), 1)
    for more in ([octets(50_706, 1, 4, 0, 0)], []):
        data = bytearray(file.data)
        writer = TiffWriter()
        writer.data = data
        found = writer.finish(writer.directory([*thumbnail, long(330, below), *more]))
        assert is_raw(found)
        picture = decode(found, name="x")
        assert picture.info["full_size"] == SIZE
        assert difference(picture, image) == 0


def test_a_pyramid_is_not_a_raw_photo():
    """A TIFF whose SubIFDs are the reduced levels."""
    image, file = scene(4, SIZE), TiffWriter()
    below = file.directory([long(254, 1), long(256, 16), long(257, 12)])
    data = file.finish(
        file.directory(
            [
                long(254, 0),
                long(256, 320),
                long(257, 240),
                short(258, 8, 8, 8),
                short(259, 1),
                short(262, 2),
                long(273, file.put(image.tobytes())),
                short(277, 3),
                long(278, 240),
                long(279, 320 * 240 * 3),
                long(330, below),
            ]
        )
    )
    assert not is_raw(data)
    assert difference(decode(data, name="x"), image) == 0


def test_limits_apply_to_the_photo_and_its_preview(without_rawpy):
    image = scene(1, SIZE)
    with pytest.raises(PictureError, match="too many pixels: 320 x 240"):
        decode(nef(image), name="x", config=DecodeConfig(max_pixels=320 * 240 - 1))
    data = dng(image, preview=image)
    frame = data.index(b"\xff\xc0")
    with pytest.raises(PictureError, match="too many pixels"):
        decode(data[: frame + 5] + struct.pack(">HH", 60_000, 60_000) + data[frame + 9 :], name="x")


@needs_rawpy
def test_limits_apply_before_a_photo_is_developed():
    with pytest.raises(PictureError, match="too many pixels"):
        decode(dng(scene(1, SIZE)), name="x", config=DecodeConfig(max_costly_pixels=1000))


def damage(data: bytes) -> list[bytes]:
    chance = np.random.default_rng(1)
    found = [data[:cut] for cut in range(0, len(data), max(1, len(data) // 40))]
    for _ in range(60):
        hurt = bytearray(data)
        for place in chance.integers(0, min(len(data), 2000), 4):
            hurt[place] = chance.integers(0, 256)
        found.append(bytes(hurt))
    return found


@pytest.mark.parametrize("kind", made(scene(1, SIZE)))
def test_damage_is_refused_or_ignored(kind, without_rawpy):
    for data in damage(made(scene(1, SIZE))[kind]):
        read_raw(data)
        try:
            assert decode(data, name="x", target=16).mode == "RGB"
        except PictureError:
            continue


def test_circular_directories():
    file = TiffWriter()
    at = len(file.data)
    data = file.finish(file.directory([octets(50_706, 1, 4, 0, 0), long(330, *[at] * 60)], following=at))
    assert is_raw(data)
    assert read_raw(data).previews == []


def test_a_file_full_of_jpegs_is_cheap(without_rawpy):
    data = b"FUJIFILMCCD-RAW " + bytes(200) + b"\xff\xd8\xff\xe0\0\4ab" * 200_000
    with pytest.raises(PictureError):
        decode(data, name="x")


def test_an_empty_file_has_no_preview():
    assert read_raw(b"FUJIFILMCCD-RAW ").previews == []
    assert read_raw(jpeg(scene(1))).size == (0, 0)


@pytest.mark.parametrize("kind", ["nef", "cr2", "cr3", "arw", "dng"])
def test_the_camera_of_a_raw_photo(kind):
    makers = {"nef": "NIKON D90", "cr2": "Canon EOS 5D", "cr3": "Canon", "arw": "SONY ILCE-7", "dng": "Maker Model"}
    assert read_exif(made(scene(1, SIZE))[kind]).camera == makers[kind]


def test_the_camera_of_a_fuji_is_that_of_its_preview():
    block = Image.Exif()
    block[0x010F] = "FUJIFILM"
    assert read_exif(raf(scene(1, SIZE), exif=block.tobytes())).camera == "FUJIFILM"
