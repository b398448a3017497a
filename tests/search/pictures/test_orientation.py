"""Pictures whose turn stands in their container, in their EXIF, in both, or in neither: turned once, or not at all."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from PIL import Image

from search.pictures.decode import decode, load_picture
from tests.awkward import exif, laid, scene
from tests.search.pictures.test_decode import difference, saved


def heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


_STAND_IN = 0x0113
"""A tag that encoders pass on, and that becomes the orientation once they have: they move it to the container."""


def written(kind: str, image: Image.Image, orientation: int, *, in_exif: int | None = None) -> bytes:
    """As encoders write it: the turn in the container; in the EXIF the same, or another one."""
    block = Image.Exif()
    block[0x0112], block[_STAND_IN] = orientation, in_exif or orientation
    data = heic(image, exif=block.tobytes()) if kind == "HEIC" else saved(image, "AVIF", quality=95, exif=block)
    own, stand_in = (b"".join((tag.to_bytes(2, "big"), b"\0\3\0\0\0\1")) for tag in (0x0112, _STAND_IN))
    assert data.count(stand_in) == 1
    return data.replace(own, b"\x01\x14" + own[2:]).replace(stand_in, own)


def has_turn(data: bytes) -> bool:
    return b"irot" in data or b"imir" in data


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_a_turn_in_both_is_done_once(kind, orientation):
    data = written(kind, laid(scene(5), orientation), orientation)
    assert has_turn(data)
    picture = decode(data, name="x")
    assert picture.info["full_size"] == scene(5).size
    assert difference(picture, scene(5)) < 5


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_a_turn_in_the_exif_alone_is_done(kind, orientation):
    data = written(kind, laid(scene(5), orientation), 1, in_exif=orientation)
    assert not has_turn(data)
    picture = decode(data, name="x")
    assert picture.info["full_size"] == scene(5).size
    assert difference(picture, scene(5)) < 5


@pytest.mark.parametrize("stale", [1, 3, 8])
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_the_container_decides_where_the_two_disagree(kind, stale):
    data = written(kind, laid(scene(5), 6), 6, in_exif=stale)
    assert has_turn(data)
    assert difference(decode(data, name="x"), scene(5)) < 5


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_no_turn_at_all(kind):
    plain = heic(scene(5)) if kind == "HEIC" else saved(scene(5), "AVIF", quality=95)
    for data in (plain, written(kind, scene(5), 1)):
        assert difference(decode(data, name="x"), scene(5)) < 5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_formats_that_say_it_by_exif_alone(kind, orientation):
    data = saved(laid(scene(5), orientation), kind, exif=exif(orientation))
    assert difference(load_picture(data), scene(5)) < 5
    assert load_picture(data).info["full_size"] == scene(5).size
