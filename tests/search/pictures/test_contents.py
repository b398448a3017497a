"""What a file holds besides the indexed picture: raw data, frames, pages, video, greater bit depth."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from search.pictures.containers.raw_files import is_raw
from search.pictures.contents import read_contents
from tests.conftest import draw

WIDTH, LENGTH, PHOTOMETRIC, SUB_IFDS, SUBFILE, DNG = 256, 257, 262, 330, 254, 50_706


def saved(image, form, **options):
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def tiff(*directories, order="<", subs=()):
    """Directories in a chain, and others below the first; values are 32-bit integers."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    every, places, at = [*directories, *subs], [], 8
    for number, tags in enumerate(every):
        places.append(at)
        at += 2 + 12 * (len(tags) + (number == 0 and bool(subs))) + 4
    tail = at
    data = start + struct.pack(order + "I", 8)
    for number, tags in enumerate(every):
        entries = dict(tags)
        if number == 0 and subs:
            entries[SUB_IFDS] = None
        data += struct.pack(order + "H", len(entries))
        for tag, value in sorted(entries.items()):
            if value is None:
                inline = places[len(directories)] if len(subs) == 1 else tail
                data += struct.pack(order + "HHII", tag, 4, len(subs), inline)
            else:
                data += struct.pack(order + "HHII", tag, 4, 1, value)
        following = places[number + 1] if number + 1 < len(directories) else 0
        data += struct.pack(order + "I", following)
    return data + struct.pack(order + f"{len(subs)}I", *places[len(directories) :])


SMALL, LARGE = {WIDTH: 160, LENGTH: 120}, {WIDTH: 4000, LENGTH: 3000}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("directories", "subs", "kind"),
    [
        ([{**SMALL, DNG: 1}], [LARGE], "DNG"),
        ([{**SMALL, SUBFILE: 1}], [LARGE], "raw TIFF"),
        ([{**SMALL, SUBFILE: 1}], [SMALL, LARGE], "raw TIFF"),
        ([SMALL], [LARGE], "raw TIFF"),
        ([SMALL], [SMALL, LARGE], "raw TIFF"),
        ([{**LARGE, PHOTOMETRIC: 32_803}], [], "raw TIFF"),
        ([SMALL, {**LARGE, PHOTOMETRIC: 34_892}], [], "raw TIFF"),
        ([LARGE], [SMALL], None),  # a pyramid
        ([LARGE], [], None),
        ([SMALL, LARGE], [], None),  # pages
    ],
)
def test_raw_tiffs_are_recognised_by_their_directories(directories, subs, kind, order):
    data = tiff(*directories, subs=subs, order=order)
    assert is_raw(data) is (kind is not None)
    for length in range(0, len(data), 7):
        is_raw(data[:length])  # a damaged one is never an error


def test_circular_directories_end():
    assert not is_raw(b"II*\0" + struct.pack("<IHHHIII", 8, 1, SUB_IFDS, 4, 1, 8, 8))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"II*\0\x10\0\0\0CR\2\0", "Canon CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "Canon CR3"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAF"),
        (b"IIRO\x08\0\0\0", "Olympus ORF"),
        (b"IIU\0\x18\0\0\0", "Panasonic RW2"),
        (b"FOVb\2\0\3\0", "Sigma X3F"),
        (b"\0MRM\0\0", "Minolta MRW"),
        (b"\xff\xd8\xff\xe0", None),
        (b"", None),
    ],
)
def test_other_raw_files_are_recognised_by_their_signatures(start, kind):
    assert is_raw(start + bytes(100)[: 100 if start else 0]) is (kind is not None)


def test_a_plain_picture_holds_nothing_else():
    for form, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("AVIF", {}),
    ):
        contents = read_contents(saved(draw(0), form, **options))
        assert (contents.several, contents.unlike, contents.colours) == (False, None, ""), form


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_and_pages(form):
    data = saved(draw(0), form, save_all=True, append_images=[draw(1), draw(2)])
    assert read_contents(data).several


def test_heif_with_several_pictures():
    heif = pytest.importorskip("pillow_heif")
    file = heif.HeifFile()
    for seed in range(2):
        file.add_from_pillow(draw(seed, (64, 64)))
    data = io.BytesIO()
    file.save(data)
    assert read_contents(data.getvalue()).several


def test_data_after_the_picture():
    jpeg = saved(draw(0), "JPEG")
    tiny = (b"\0\0\0\x18ftypmp42" + bytes(12), saved(draw(1, (8, 8)), "JPEG", quality=5))
    for more in (*tiny, b"MotionPhoto_Data" + bytes(range(256)) * 64, saved(draw(1, (800, 600)), "JPEG", quality=100)):
        assert "after" in read_contents(jpeg + more).unlike
    assert read_contents(jpeg + bytes(100_000)).unlike is None, "padding"
    assert read_contents(jpeg + b"notes of a camera").unlike is None
    assert read_contents(jpeg[:-2]).unlike is None, "without an end marker nothing comes after it"
    for form in ("PNG", "WEBP"):
        assert "after" in read_contents(saved(draw(0), form) + b"x" * 9000).unlike
    thumbnail = saved(draw(1, (600, 400)), "JPEG", quality=95)[:60_000]
    inside = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + jpeg[2:]
    assert read_contents(inside).unlike is None, "a thumbnail in EXIF ends before the picture does"


def test_deep_pictures_and_layers():
    deep = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    for form in ("PNG", "TIFF"):
        assert "8 bits" in read_contents(saved(deep, form)).unlike
    floats = Image.fromarray(np.ones((8, 8), dtype=np.float32))
    assert "8 bits" in read_contents(saved(floats, "TIFF")).unlike
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[37_724] = b"Adobe Photoshop Document Data Block\0"
    assert read_contents(saved(draw(0), "TIFF", tiffinfo=tags)).unlike == "layers"


def test_colour_spaces():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert read_contents(saved(draw(0), "PNG", icc_profile=srgb)).colours == ""
    assert read_contents(saved(draw(0), "PNG", icc_profile=lab)).colours not in ("", "damaged")
    assert read_contents(saved(draw(0), "PNG", icc_profile=b"none at all")).colours == "damaged"
    assert read_contents(saved(draw(0).convert("CMYK"), "JPEG")).colours == "CMYK"


def test_damaged_files_are_not_compared():
    for data in (b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(50), b"GIF89a", saved(draw(0), "WEBP")[:30]):
        assert read_contents(data).unlike is not None
