"""Reports as files: their content, and that they are written completely or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from indexer.collection.build import build
from indexer.duplicates import find_duplicates
from indexer.duplicates import html_page as page
from indexer.duplicates.files import STDOUT, Outputs, check_outputs, write_csv, write_json, write_outputs
from indexer.duplicates.html_page import write_page
from indexer.duplicates.keep import choose
from search import DataError
from search.config import DuplicatesConfig
from search.pictures import thumbnails
from tests.command_line import twinlens
from tests.conftest import FAST, draw

AWKWARD = "<img src=x onerror=alert(1)>&amp;\"'\n\u2603.png"


@pytest.fixture
def report(tmp_path):
    """Two groups, in a folder with unusual names."""
    folder = tmp_path / "p" / "=1+1"
    folder.mkdir(parents=True)
    draw(0, (300, 200)).save(folder / "a.png")
    shutil.copy(folder / "a.png", folder / AWKWARD)
    shutil.copy(folder / "a.png", folder / (os.fsdecode(b"\xff") + ".png"))
    draw(1).save(folder / "b.png")
    draw(1).save(folder / "b.jpg", quality=85)
    draw(2).save(folder / "alone.png")
    build(tmp_path / "p", tmp_path / "i", FAST)
    return find_duplicates(tmp_path / "i", DuplicatesConfig(threshold=0.3))


def chosen(report):
    return [choose(group, "best") for group in report.groups]


def written(write, report):
    stream = io.BytesIO()
    write(report, chosen(report), stream)
    return stream.getvalue()


class Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, data):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(data.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_json(report):
    told = json.loads(written(write_json, report))
    assert (told["pictures"], told["group_count"], told["member_count"], told["spare_count"]) == (6, 2, 5, 3)
    assert (told["threshold"], told["threshold_source"], told["exhaustive"]) == (0.3, "given", True)
    first, second = told["groups"]
    assert (first["exact"], second["exact"]) == (True, False)
    assert {Path(member["path"]).name for member in first["members"]} >= {"a.png", AWKWARD}
    assert len(first["spare"]) == 2
    assert first["keep"] not in first["spare"]
    assert set(second["members"][1]) == {
        "id",
        "path",
        "label",
        "distance",
        "width",
        "height",
        "bytes",
        "match",
        "content",
        "metadata",
    }
    assert (second["members"][0]["match"], second["members"][1]["match"]) == ("representative", "near")
    assert 0 < second["members"][1]["distance"] <= 0.3


def test_csv(report):
    text = written(write_csv, report).decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 5
    assert [row["group"] for row in rows] == ["1", "1", "1", "2", "2"]
    assert {row["path"] for row in rows} == {str(m.path) for group in report.groups for m in group.members}
    assert {row["label"] for row in rows} == {"'=1+1"}, "no formula for a spreadsheet"
    assert sorted(row["decision"] for row in rows) == ["keep", "keep", "spare", "spare", "spare"]


def test_the_page_shows_every_picture_and_runs_no_script(report):
    data = written(write_page, report)
    shown = Page(data)
    images = shown.all("img")
    assert len(images) == 5
    for image in images:
        assert set(image) == {"src", "alt", "loading", "decoding"}
        assert image["src"].startswith("data:image/jpeg;base64,")
    assert not shown.all("script")
    assert not re.search(rb"https?:|@import|url\(", data)
    policy = next(each for each in shown.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'")
    assert AWKWARD.replace("\n", "\\n") in shown.texts
    assert "\\udcff.png" in shown.texts
    assert "prefers-color-scheme: dark" in data.decode()


def test_a_missing_picture_has_a_placeholder(report):
    gone = report.groups[1].members[1].path
    gone.unlink()
    shown = Page(written(write_page, report))
    assert len(shown.all("img")) == 4
    assert "missing or unreadable" in shown.texts
    assert gone.name in shown.texts
    assert any("No such file" in text or "no such file" in text for text in shown.texts), "the reason"


@pytest.mark.parametrize("failure", [MemoryError(), ValueError("height and width must be > 0")])
def test_a_failed_thumbnail_has_a_placeholder_with_the_reason(report, failure, monkeypatch):
    made = thumbnails.fitted

    def fails_once(image, side):
        monkeypatch.setattr(thumbnails, "fitted", made)
        raise failure

    monkeypatch.setattr(thumbnails, "fitted", fails_once)
    shown = Page(written(write_page, report))
    assert len(shown.all("img")) == 4
    assert any("no thumbnail can be made of it" in text for text in shown.texts)


def test_thin_pictures_are_on_the_page(tmp_path):
    (tmp_path / "p").mkdir()
    for width, height in ((1, 1), (1, 5000), (5000, 1), (2, 60_000), (65_535, 4)):
        for name in "ab":
            Image.new("RGB", (width, height), "red").save(tmp_path / "p" / f"{width}x{height}{name}.png")
    build(tmp_path / "p", tmp_path / "i", FAST)
    shown = Page(written(write_page, find_duplicates(tmp_path / "i", DuplicatesConfig(exact_only=True))))
    assert len(shown.all("img")) == 10
    assert "missing or unreadable" not in shown.texts


def test_the_page_is_bounded_and_counts_what_is_not_shown(report, monkeypatch):
    monkeypatch.setattr(page, "MOST_IN_GROUP", 2)
    monkeypatch.setattr(page, "MOST_GROUPS", 1)
    shown = Page(written(write_page, report))
    assert len(shown.all("img")) == 2
    assert "and 1 more in this group" in shown.texts
    assert any("1 more groups are not shown" in text for text in shown.texts)
    monkeypatch.setattr(page, "MOST_THUMBNAILS", 1)
    assert Page(written(write_page, report)).all("img") == []


def test_a_page_without_copies(tmp_path):
    draw(0).save(tmp_path / "one.png")
    build(tmp_path / "one.png", tmp_path / "i", FAST)
    assert b"No copies were found" in written(write_page, find_duplicates(tmp_path / "i"))


def test_files_are_replaced_only_by_complete_reports(report, tmp_path, monkeypatch):
    outputs = Outputs(*(tmp_path / name for name in ("o.json", "o.csv", "o.html", "o.txt")))
    for path in outputs.given().values():
        path.write_text("old")

    def fails(*words):
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as broken:
        broken.setattr("indexer.duplicates.html_page._section", fails)
        with pytest.raises(RuntimeError):
            write_outputs(report, chosen(report), outputs)
    assert {path.read_text() for path in outputs.given().values()} == {"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o.csv", "o.html", "o.json", "o.txt", "p"]
    left_out = write_outputs(report, chosen(report), outputs)
    assert [member.path.name for member in left_out] == [AWKWARD]
    assert json.loads(outputs.json.read_bytes())["group_count"] == 2
    assert outputs.html.read_bytes().endswith(b"</html>\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o.csv", "o.html", "o.json", "o.txt", "p"]


def test_a_file_that_cannot_be_written_is_named(report, tmp_path, monkeypatch):
    (tmp_path / "o.csv").write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    outputs = Outputs(csv=tmp_path / "o.csv", html=tmp_path / "o.html")
    for place in ("search.files.writing.os.fsync", "indexer.duplicates.files._row"):
        with monkeypatch.context() as broken:
            broken.setattr(place, full)
            with pytest.raises(DataError, match=r"o\.(csv|html): cannot be written \(No space left"):
                write_outputs(report, chosen(report), outputs)
        assert (tmp_path / "o.csv").read_text() == "old"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o.csv", "p"]
    with monkeypatch.context() as broken:
        broken.setattr("indexer.duplicates.files._row", full)
        with pytest.raises(DataError, match=r"o\.csv"):
            write_outputs(report, chosen(report), outputs)


def test_invalid_output_paths(tmp_path):
    index = tmp_path / "i"
    index.mkdir()
    same = tmp_path / "same"
    for outputs, says in (
        (Outputs(json=same, csv=same), "two reports"),
        (Outputs(json=STDOUT, list=STDOUT), "two reports"),
        (Outputs(csv=tmp_path), "folder"),
        (Outputs(csv=tmp_path / "none" / "x.csv"), "folder"),
        (Outputs(csv=tmp_path / "photo.JPG"), "name of a picture"),
        (Outputs(json=index / "x.json"), "inside the index"),
    ):
        with pytest.raises(DataError, match=says):
            check_outputs(outputs, index)
    check_outputs(Outputs(json=STDOUT, csv=tmp_path / "x.csv"), index)
    assert list(tmp_path.iterdir()) == [index]


def test_the_command(report, tmp_path):
    index = report.index
    words = ("duplicates", index, "--threshold", "0.3")
    done = twinlens(*words, "--json", tmp_path / "o.json", "--html", tmp_path / "o.html", "--list", tmp_path / "o.txt")
    assert done.returncode == 3, done.stderr
    assert "line break" in done.stderr
    assert "2 groups of copies, 5 of 6 pictures" in done.stdout
    assert json.loads((tmp_path / "o.json").read_bytes())["group_count"] == 2
    command = (sys.executable, "-m", "indexer", "duplicates", str(index), "--exact-only", "--keep", "first", "-0")
    done = subprocess.run(command, capture_output=True, check=True)
    kept = min(report.groups[0].members, key=lambda member: member.id)
    spare = [os.fsencode(member.path) for member in report.groups[0].members if member is not kept]
    assert sorted(done.stdout.split(b"\0")) == [b"", *sorted(spare)]
    assert b"nothing was deleted" in done.stderr
    assert len(list((tmp_path / "p").rglob("*.*"))) == 6
