"""EXIF values from every format that can hold them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from search.pictures.exif import NO_EXIF, PictureExif, read_exif, taken_at
from tests.conftest import draw

if TYPE_CHECKING:
    from pathlib import Path

MAKE, MODEL, DETAILS, TAKEN, OFFSET = 0x010F, 0x0110, 0x8769, 0x9003, 0x9011
FIVE = datetime(2026, 5, 6, 5, 8, 9, tzinfo=UTC)


def exif_of(tags: dict[int, Any], details: dict[int, Any] | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif.update(tags)
    if details:
        exif.get_ifd(DETAILS).update(details)
    return exif


WHOLE = ({MAKE: "Canon", MODEL: "Canon EOS 5D"}, {TAKEN: "2026:05:06 07:08:09", OFFSET: "+02:00"})


def saved(kind: str, exif: Image.Exif | None) -> bytes:
    data, options = io.BytesIO(), {} if exif is None else {"exif": exif.tobytes()}
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(draw(1)).save(data, **options)
    else:
        draw(1).save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_every_format(kind: str) -> None:
    assert read_exif(saved(kind, exif_of(*WHOLE))) == PictureExif(FIVE, "Canon EOS 5D")
    assert read_exif(saved(kind, None)) == NO_EXIF


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_damaged_exif_is_ignored(kind: str) -> None:
    data = bytearray(saved(kind, exif_of(*WHOLE)))
    told = {PictureExif(FIVE, "Canon EOS 5D"), NO_EXIF}
    for at in range(0, len(data), 7):
        hurt = bytearray(data)
        hurt[at] ^= 0xFF
        found = read_exif(bytes(hurt))
        assert isinstance(found, PictureExif)
        told.add(found)
    for stop in range(0, len(data), 31):
        assert isinstance(read_exif(bytes(data[:stop])), PictureExif)
    assert all(each.camera is None or each.camera.isprintable() for each in told)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("SONY\0\0\0", " DSC-RX100  \0junk", "SONY DSC-RX100"),
        ("OLYMPUS IMAGING CORP.  ", "E-M5", "OLYMPUS IMAGING CORP. E-M5"),
        ("  ", "X100", "X100"),
        ("Leica", None, "Leica"),
        ("a\nb\x07", "c\td", "a b c d"),
        ("", "\0", None),
        ("M" * 300, "x", "M" * 100),
        (None, None, None),
    ],
)
def test_the_name_of_the_camera(make: str | None, model: str | None, camera: str | None) -> None:
    tags = {tag: value for tag, value in ((MAKE, make), (MODEL, model)) if value is not None}
    assert read_exif(saved("JPEG", exif_of({**tags, 0x0131: "software"}))).camera == camera


@pytest.mark.parametrize(
    "taken", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2026-05-06", "", "2026:13:01 00:00:00"]
)
def test_an_invalid_date_does_not_lose_the_camera(taken: str) -> None:
    data = saved("JPEG", exif_of({MODEL: "X100"}, {TAKEN: taken}))
    assert read_exif(data) == PictureExif(None, "X100")


def test_extreme_dates() -> None:
    for text in ("0001:01:01 00:00:00", "9999:12:31 23:59:59"):
        for offset in ("+14:00", "-12:00", ""):
            assert isinstance(read_exif(saved("JPEG", exif_of({}, {TAKEN: text, OFFSET: offset}))), PictureExif)


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved("JPEG", exif_of(*WHOLE)))
    assert taken_at(tmp_path / "a.jpg") == FIVE
    assert taken_at(tmp_path / "none.jpg") is None
    assert taken_at(tmp_path) is None
