"""Data after a JPEG's picture, and JPEGs without an end marker."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from search.errors import PictureError
from search.pictures import limits as picture_limits
from search.pictures.containers.jpeg_end import LACKS_ITS_END
from search.pictures.decode import decode, load_picture
from search.pictures.exif import read_exif
from search.pictures.limits import structure_excess
from tests.awkward import scene, ycck_jpeg
from tests.search.pictures.test_decode import saved

VIDEO = struct.pack(">I", 24) + b"ftypmp42\0\0\0\0isommp42"
KINDS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "4:4:4": {"subsampling": 0},
    "optimized": {"optimize": True},
}


def jpeg(kind: str = "baseline", seed: int = 1, **options) -> bytes:
    return saved(scene(seed, (200, 150)), "JPEG", **{"quality": 85, **KINDS[kind], **options})


def behind() -> dict[str, bytes]:
    chance = random.Random(3)
    return {
        "a video": b"MotionPhoto_Data" + VIDEO + chance.randbytes(200_000) + b"\xff\xda" * 5_000,
        "a second picture": jpeg("progressive", 2) * 3,
        "raw data": b"\xff\xda\xff\xd9\xff\xd8\xff\xc2" * 20_000,
        "zeros": bytes(50_000),
        "a line": b"\n",
    }


@pytest.fixture
def few_scans(monkeypatch):
    """Pretend that the picture has a thousand times the pixels, so that data after its end would exceed the limits."""
    monkeypatch.setattr(picture_limits, "MOST_SCANNED", 200 * 150 * 12)


@pytest.mark.parametrize("what", behind())
@pytest.mark.parametrize("kind", KINDS)
def test_data_after_the_picture_does_not_count(kind, what, few_scans):
    data = jpeg(kind)
    picture = decode(data + behind()[what], name="x")
    assert picture.tobytes() == decode(data, name="x").tobytes()
    assert "note" not in picture.info


def test_thumbnails_in_segments_do_not_count(few_scans):
    segment = (b"thumb" + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 4_000)[:65_000]
    data = jpeg()
    body = b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment
    assert decode(data[:2] + body * 20 + data[2:], name="x").size == (200, 150)


def test_segments_between_scans_are_not_mistaken_for_scans_or_the_end(few_scans):
    """A comment that looks like the end does not stop the count, and one full of scans does not add to it."""
    data = jpeg("progressive")
    last = data.rindex(b"\xff\xda")
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xd9\xff\xd9"
    scans = data[:-2] + (comment + data[last:-2]) * 60 + b"\xff\xd9"
    assert "too many scans: 7" in str(structure_excess("JPEG", scans))
    harmless = b"\xff\xfe" + struct.pack(">H", 60_002) + b"\xff\xda" * 30_000
    assert structure_excess("JPEG", data[:last] + harmless + data[last:]) is None


def test_a_large_motion_photo():
    """A small picture whose header claims to be large would be damaged, so this one really is large."""
    data = saved(Image.new("RGB", (8160, 6120), "teal"), "JPEG", quality=60)
    picture = decode(data + b"MotionPhoto_Data" + VIDEO + random.Random(7).randbytes(3 << 20), name="x", target=64)
    assert picture.info["full_size"] == (8160, 6120)


def test_exif_of_a_motion_photo():
    block = Image.Exif()
    block[0x010F] = "Canon"
    data = jpeg(exif=block.tobytes())
    assert read_exif(data + behind()["a video"]).camera == "Canon"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_an_end_marker_is_read_with_a_note(kind, missing):
    data = jpeg(kind)
    for target in (None, 16):
        picture = decode(data[:-missing], name="x", target=target)
        assert picture.tobytes() == decode(data, name="x", target=target).tobytes()
        assert picture.info["note"] == LACKS_ITS_END


def test_grey_and_cmyk_without_an_end_marker():
    for data in (saved(scene(1).convert("L"), "JPEG"), saved(scene(1).convert("CMYK"), "JPEG"), ycck_jpeg(scene(1))):
        assert load_picture(data[:-2]).tobytes() == load_picture(data).tobytes()


def outcome(data: bytes) -> bytes | str:
    """The pixels, or the reason of the error."""
    try:
        return decode(data, name="x").tobytes()
    except PictureError as error:
        return error.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_jpeg_is_refused(kind):
    """Wherever it is cut, especially near its end, where little is missing."""
    for seed in range(3):
        data = jpeg(kind, seed)
        whole = decode(data, name="x").tobytes()
        start = data.index(b"\xff\xda") + 14
        places = [len(data) - cut for cut in range(4, 60)]
        places += [random.Random(seed).randrange(start, len(data) - 60) for _ in range(12)]
        for place in places:
            found = outcome(data[:place])
            if isinstance(found, bytes):  # only what holds no pixels was cut
                assert found == whole
                assert len(data) - place < 8
            else:
                assert found == "truncated: the file ends before the picture does"


def test_truncated_noise_is_refused():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8))
    for quality in (30, 75, 95):
        data = saved(image, "JPEG", quality=quality)
        whole = decode(data, name="x").tobytes()
        for cut in range(3, 120, 3):
            assert outcome(data[:-cut]) in (whole, "truncated: the file ends before the picture does")


def test_a_jpeg_with_missing_scans_is_refused():
    """Cut between two scans, it has all rows but not their full detail."""
    data = jpeg("progressive")
    starts = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    tables = [data.rindex(b"\xff\xc4", 0, start) for start in starts]
    for cut in (*starts[1:], *(table for table, start in zip(tables, starts, strict=True) if table > starts[0])):
        with pytest.raises(PictureError, match="truncated"):
            decode(data[:cut], name="x")


def test_a_truncated_jpeg_before_other_data_is_refused():
    data = jpeg()
    with pytest.raises(PictureError):
        decode(data[: len(data) // 2], name="x")
    assert "note" not in load_picture(data + b"more").info


# The other formats


def _formats() -> dict[str, bytes]:
    image = scene(4)
    return {
        "PNG": saved(image, "PNG"),
        "GIF": saved(image.quantize(64), "GIF"),
        "WEBP": saved(image, "WEBP"),
        "AVIF": saved(image, "AVIF"),
        "TIFF": saved(image, "TIFF"),
        "BMP": saved(image, "BMP"),
        "MPO": saved(image, "MPO", save_all=True, append_images=[scene(5)]),
    }


@pytest.mark.parametrize("kind", _formats())
@pytest.mark.parametrize("what", behind())
def test_data_after_the_end_of_other_formats(kind, what):
    data = _formats()[kind]
    assert decode(data + behind()[what], name="x").tobytes() == decode(data, name="x").tobytes()


@pytest.mark.parametrize(("kind", "cut"), [("PNG", 12), ("PNG", 8), ("PNG", 4), ("GIF", 1)])
def test_other_formats_without_their_end(kind, cut):
    data = _formats()[kind]
    assert decode(data[:-cut], name="x").tobytes() == decode(data, name="x").tobytes()


def test_a_stream_without_an_end_marker():
    assert load_picture(io.BytesIO(jpeg()[:-2])).info["note"] == LACKS_ITS_END


@pytest.mark.parametrize("kind", KINDS)
def test_fill_bytes_instead_of_the_end_are_ignored(kind):
    data = jpeg(kind)
    picture = decode(data.removesuffix(b"\xff\xd9") + b"\xff" * 40, name="x")
    assert picture.tobytes() == decode(data, name="x").tobytes()
    assert picture.info["note"] == LACKS_ITS_END
    with pytest.raises(PictureError, match="truncated"):
        decode(data[: len(data) * 2 // 3].rstrip(b"\xff") + b"\xff" * 40, name="x")
