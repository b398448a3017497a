"""A file is spare only if it is verified to be a copy of a file to keep."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.copies_made import chat, line_art, moved, next_frame, page, receipt, scene
from indexer.collection.build import build
from indexer.duplicates import copies, find_duplicates
from indexer.duplicates.keep import choose, choose_all
from search import open_index
from search.config import DuplicatesConfig
from tests.command_line import twinlens
from tests.conftest import FAST, draw
from tests.search.pictures.test_contents import tiff

FILM = {"save_all": True, "duration": 80}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p").mkdir()
    return tmp_path / "p"


def decisions(folder, rule="best", threshold=2.0):
    """The decision about each file of a folder of near pictures, by name."""
    index = folder.parent / "i"
    if not index.exists():
        build(folder, index, FAST)
    groups = find_duplicates(index, DuplicatesConfig(threshold=threshold, device="cpu")).groups
    return {
        member.path.name: choice.word(member)
        for group, choice in zip(groups, choose_all(groups, rule), strict=True)
        for member in group.members
    }


def spare(folder, **options):
    return {name for name, word in decisions(folder, **options).items() if word == "spare"}


def sheet(seed, changed=None):
    """Half a page of text."""
    return page(seed, changed).crop((100, 100, 740, 900))


def film(seed, count=5, size=(200, 150)):
    """Frames, the first of which is the same for all films."""
    return [scene(7, size), *(scene(100 * seed + number, size) for number in range(count))]


def save_film(path, frames, **options):
    frames[0].save(path, append_images=frames[1:], **{**FILM, **options})


def test_animations_that_share_a_first_frame_are_not_copies(folder):
    frames = film(1)
    frames[0].resize((400, 300)).save(folder / "still.png")
    for number in (1, 2):
        save_film(folder / f"{number}.webp", film(number), lossless=True)
        save_film(folder / f"{number}.png", film(number))
    save_film(folder / "shorter.webp", frames[:-1], lossless=True)
    save_film(folder / "slower.webp", frames, lossless=True, duration=240)
    last = frames[-1].copy()
    ImageDraw.Draw(last).ellipse([20, 20, 60, 60], fill="white")
    save_film(folder / "other_end.webp", [*frames[:-1], last], lossless=True)
    shutil.copy(folder / "1.webp", folder / "bytes.webp")
    found = decisions(folder)
    exact = {"1.webp", "bytes.webp"} & {name for name, word in found.items() if word == "spare"}
    assert len(exact) >= 1
    listed = {name for name, word in found.items() if word == "spare"}
    for number in ("1", "2"):
        both = {f"{number}.webp", f"{number}.png"}
        assert len(both - listed) >= 1, "one of each film stays"
    assert not listed & {"still.png", "shorter.webp", "slower.webp", "other_end.webp"}


def test_a_still_picture_and_an_animation_are_not_copies(folder):
    for name, frames in (("small.gif", film(1)), ("large.webp", film(2, size=(800, 600)))):
        save_film(folder / name, frames)
    film(1, size=(400, 300))[0].save(folder / "still.png")
    film(1, size=(400, 300))[0].save(folder / "still.jpg", quality=80)
    found = decisions(folder)
    assert {name for name, word in found.items() if word == "spare"} == {"still.jpg"}
    assert {found["small.gif"], found["large.webp"]} <= {
        "keep",
        "near, not compared: one is an animation or has several pages",
        "near, not a copy",
    }


def test_documents_with_the_same_first_page(folder):
    cover = scene(8, (300, 400))
    for number in range(3):
        pages = [page(10 * number + of).resize((300, 424)) for of in range(2)]
        cover.save(folder / f"contract{number}.tif", save_all=True, append_images=pages, compression="tiff_lzw")
    pages = [page(of).resize((300, 424)) for of in range(2)]
    cover.save(folder / "again.tif", save_all=True, append_images=pages, compression="tiff_deflate")
    assert spare(folder) <= {"contract0.tif", "again.tif"}
    assert len(spare(folder)) == 1


def test_raw_files_are_not_compared(folder):
    scene(9, (640, 480)).save(folder / "photo.jpg", quality=90)
    small = scene(9, (160, 120)).tobytes()
    preview = {258: 8, 259: 1, 262: 2, 273: 0, 277: 3, 278: 120, 279: len(small), 254: 1}
    directory = {256: 160, 257: 120, **preview}
    head = tiff(directory, subs=[{256: 4000, 257: 3000}])
    directory[273] = len(head)
    raw = tiff(directory, subs=[{256: 4000, 257: 3000}]) + small
    for name in ("raw.tif", "renamed.jpeg"):
        (folder / name).write_bytes(raw)
    found = decisions(folder)
    raws = {name: word for name, word in found.items() if name != "photo.jpg"}
    assert found.get("photo.jpg", "keep") != "spare"
    assert list(raws.values()).count("spare") <= 1, "of files of the same bytes one stays"
    assert set(raws.values()) <= {"spare", "keep", "near, not compared: raw file (raw TIFF)"}


def test_motion_photos_and_pictures_with_layers_or_finer_levels_are_not_compared(folder):
    picture = scene(10, (400, 300))
    picture.save(folder / "large.png")
    picture.resize((200, 150)).save(folder / "small.jpg", quality=80)
    with (folder / "motion.jpg").open("wb") as file:
        picture.resize((200, 150)).save(file, "JPEG", quality=90)
        file.write(b"MotionPhoto_Data" + np.random.default_rng(0).bytes(50_000))
    grey = np.asarray(picture.convert("L"), dtype=np.uint16)
    Image.fromarray(grey * 257).save(folder / "deep.png")
    Image.fromarray(grey.astype(np.uint8)).save(folder / "grey.png")
    assert spare(folder) == {"small.jpg"}
    found = decisions(folder)
    assert "motion photo" in found["motion.jpg"]
    assert found["deep.png"] in ("keep", "near, not compared: more than 8 bits per channel")


@pytest.mark.parametrize("ink", ["white", "black"])
def test_line_art_on_a_transparent_background(folder, ink):
    for seed in range(4):
        image = Image.new("RGBA", (256, 256), ink)
        image.putalpha(Image.eval(line_art(seed).convert("L"), lambda level: 255 - level))
        image.save(folder / f"{seed}.png")
    image.resize((128, 128)).save(folder / "small.png")
    Image.new("RGB", (256, 256), ink).save(folder / "blank.png")
    assert spare(folder) <= {"small.png"}


def test_transparency_is_compared(folder):
    solid = scene(11, (200, 150))
    holed = solid.convert("RGBA")
    ImageDraw.Draw(holed).rectangle([50, 50, 90, 90], fill=(0, 0, 0, 0))
    solid.save(folder / "solid.png")
    holed.save(folder / "holed.png")
    hidden = solid.convert("RGBA")
    ImageDraw.Draw(hidden).rectangle([50, 50, 90, 90], fill=(255, 0, 0, 0))
    hidden.save(folder / "hidden_colour.png")
    found = decisions(folder)
    assert found["solid.png"] != "spare"
    assert {found["holed.png"], found["hidden_colour.png"]} - {"keep"} <= {"spare", "near, not a copy"}
    assert sorted(found.values()).count("spare") == 1, "what no pixel shows does not count"


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "pictures",
    [
        lambda: [sheet(seed) for seed in range(3)],
        lambda: [sheet(1), sheet(1, 12)],
        lambda: [receipt(1), receipt(1, 7), receipt(2)],
        lambda: [chat(1, words).crop((0, 800, 1080, 1200)) for words in ("see you at five", "see you at nine")],
        lambda: moved(scene(12, (400, 300)), 12, 8),
        lambda: next_frame(scene(13, (400, 300)), 13, 2),
        lambda: [Image.new("RGB", (300, 200), ink) for ink in ("white", (252, 252, 252), "black", "red", "blue")],
    ],
    ids=["pages", "one word", "one digit", "one message", "moved", "burst", "colours"],
)
def test_files_that_only_look_like_copies_are_never_listed(folder, pictures):
    for number, picture in enumerate(pictures()):
        picture.save(folder / f"{number}.png")
        picture.save(folder / f"{number}.jpg", quality=90)
    index = folder.parent / "i"
    build(folder, index, FAST)
    report = find_duplicates(index, DuplicatesConfig(threshold=2.0, device="cpu"))
    for group in report.groups:
        choice = choose(group, "best")
        of = {member.id: member.path for member in group.members}
        for copy, kept in choice.copy_of.items():
            assert of[copy].stem == of[kept].stem
    listed = spare(folder)
    assert all(len({f"{number}.png", f"{number}.jpg"} & listed) < 2 for number in range(5))


def test_pages_of_text_are_in_separate_groups(folder):
    for seed in range(4):
        sheet(seed).save(folder / f"{seed}.png")
    for seed in (1, 3):
        sheet(seed).resize((320, 400)).save(folder / f"{seed}.small.png")
        sheet(seed).crop((30, 40, 610, 750)).save(folder / f"{seed}.cut.png")
    index = folder.parent / "i"
    build(folder, index, FAST)
    report = find_duplicates(index, DuplicatesConfig(threshold=2.0, device="cpu"))
    groups = [sorted(member.path.name for member in group.members) for group in report.groups]
    assert sorted(groups) == [["1.cut.png", "1.png", "1.small.png"], ["3.cut.png", "3.png", "3.small.png"]]
    assert spare(folder) == {"1.small.png", "3.small.png"}, "a part of a page is near"
    with open_index(index, device="cpu") as engine:
        vectors = {record.id: vector for record, vector in zip(*engine.vectors(), strict=True)}
    for group in report.groups:
        first = vectors[group.representative.id].astype(np.float64)
        for member in group.members:
            assert member.distance == pytest.approx(np.linalg.norm(vectors[member.id] - first), abs=1e-6)


def test_a_group_of_two_different_pictures_keeps_two(folder):
    for seed, picture in enumerate(moved(scene(14, (640, 480)), 14, 60)):
        picture.save(folder / f"{seed}.png")
        picture.resize((320, 240)).save(folder / f"{seed}.small.png")
        picture.save(folder / f"{seed}.jpg", quality=70)
    shutil.copy(folder / "1.png", folder / "1.again.png")
    found = decisions(folder)
    assert {name for name, word in found.items() if word == "keep"} in (
        {"0.png", "1.png"},
        {"0.png", "1.again.png"},
    )
    assert list(found.values()).count("spare") == 5


def test_pictures_taken_at_different_times_are_not_copies(folder):
    exif = Image.Exif()
    for name, when in (("a.jpg", "2024:05:06 10:00:00"), ("b.jpg", "2024:05:06 10:00:01"), ("c.jpg", None)):
        if when:
            exif.get_ifd(0x8769)[0x9003] = when
        draw(3, (200, 160)).save(folder / name, exif=exif if when else Image.Exif(), quality=95 - ord(name[0]) % 7)
    found = decisions(folder)
    assert [found["a.jpg"], found["b.jpg"]].count("spare") < 2
    assert "near, taken at another time" in found.values()


def test_changed_bytes_with_equal_size_and_time_are_noticed(folder):
    for name in ("a.bmp", "b.bmp", "c.bmp"):
        draw(4, (64, 48)).save(folder / name)
    build(folder, folder.parent / "i", FAST)
    status = (folder / "a.bmp").stat()
    draw(5, (64, 48)).save(folder / "a.bmp")
    os.utime(folder / "a.bmp", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (folder / "a.bmp").stat().st_size == status.st_size
    assert decisions(folder) == {"a.bmp": "changed since it was indexed", "b.bmp": "keep", "c.bmp": "spare"}


def test_the_number_of_comparisons_is_bounded(folder, monkeypatch):
    background = scene(15, (160, 120))
    for number in range(12):
        image = background.copy()
        ImageDraw.Draw(image).rectangle([10 * number, 20, 10 * number + 12, 60], fill="yellow")
        image.save(folder / f"{number:02}.png")
    monkeypatch.setattr(copies, "_MOST_COMPARISONS", 3)
    comparisons = []
    compare = copies.why_no_copy
    monkeypatch.setattr(copies, "why_no_copy", lambda a, b: comparisons.append(1) or compare(a, b))
    assert spare(folder) == set()
    assert 0 < len(comparisons) <= 3 * 12


def test_every_report_has_the_decisions(folder):
    scene(16, (640, 480)).save(folder / "large.png")
    scene(16, (640, 480)).resize((320, 240)).save(folder / "small.png")
    scene(16, (640, 480)).crop((10, 10, 620, 470)).save(folder / "cut.png")
    index = folder.parent / "i"
    build(folder, index, FAST)
    outputs = [f"--{form}={folder.parent / form}" for form in ("json", "csv", "html", "list")]
    done = twinlens("duplicates", index, "--threshold", "1", *outputs)
    assert done.returncode == 0, done.stderr
    assert "1 spare file, " in done.stdout
    assert "near, not a copy" in done.stdout
    (group,) = json.loads((folder.parent / "json").read_text())["groups"]
    ids = {Path(member["path"]).name: member["id"] for member in group["members"]}
    assert group["copy_of"] == {str(ids["small.png"]): ids["large.png"]}
    assert group["decisions"][str(ids["cut.png"])].startswith("near, not a copy")
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO((folder.parent / "csv").read_text()))}
    assert [rows[str(folder / name)]["copy_of"] for name in ("large.png", "small.png", "cut.png")] == [
        "",
        str(ids["large.png"]),
        "",
    ]
    shown = (folder.parent / "html").read_text()
    assert "copy of large.png" in shown
    assert "near, not a copy" in shown
    assert (folder.parent / "list").read_text() == f"{folder / 'small.png'}\n"


def test_collapsing_hits_does_not_hide_other_pictures(folder):
    for seed in range(4):
        sheet(seed).save(folder / f"page{seed}.png")
    for number in (1, 2):
        save_film(folder / f"film{number}.webp", film(number, size=(400, 300)), lossless=True)
    film(1, size=(400, 300))[0].save(folder / "still.png")
    sheet(1).resize((320, 400)).save(folder / "small.png")
    shutil.copy(folder / "film1.webp", folder / "again.webp")
    index = folder.parent / "i"
    build(folder, index, FAST)
    with open_index(index, device="cpu") as engine:
        hits = engine.search(folder / "page0.png", 20, collapse=True)
        folded = {hit.path.name: {copy.path.name for copy in hit.copies} for hit in hits}
    shown = set(folded)
    assert {"page0.png", "page2.png", "page3.png", "film2.webp", "still.png"} <= shown
    assert len({"film1.webp", "again.webp"} & shown) == 1
    for name, others in folded.items():
        for copy in others:
            assert {name, copy} in ({"page1.png", "small.png"}, {"film1.webp", "again.webp"})
    assert len(list(itertools.chain(shown, *folded.values()))) == 9
