"""Whatever happens to the index, the files and the address: every page says what is wrong, and shows no traceback."""

from __future__ import annotations

import shutil
import threading

import pytest
from PIL import Image

from app_parts.menu import MENU
from app_parts.search.picking import MOST_UPLOADS
from indexer import make_map, rebuild
from indexer.collection.remove import remove
from indexer.people.enroll import enroll
from search.config import BuildConfig
from tests.app.page import jpeg, neighbours, path_of, sound, started, texts
from tests.app.runs import write_run
from tests.app.test_literal import hostile, parts
from tests.conftest import draw
from tests.people import FAST as ENROLLED
from tests.people import calibrate_by_hand, photograph

__all__ = ["hostile"]
PAGES = list(MENU)
OF_THE_INDEX = [name for name in PAGES if name != "training"]
PARAMETERS = {
    "search": "picture text with with_text weights without liked disliked crop full k label where area same collapse "
    "radius diversity views f.n page",
    "map": "by",
    "compare": "a b threshold why label page",
    "duplicates": "exact threshold every keep label where f.n page",
    "people": "tab threshold force",
    "index": "x",
    "training": "runs metric over",
}
TAMPERED = [
    "",
    "\0",
    "<script>alert(1)</script>",
    "-1",
    "9" * 40,
    "[[",
    "nan",
    "'; --",
    "é %ff",
    "1,1,1",
    "**b** :cat:",
]


@pytest.fixture
def all_pages(own, index, tmp_path, monkeypatch):
    """An index with all that pages show, which a test may change."""
    calibrate_by_hand(index)
    make_map(index)
    enroll(index, "Ada", [photograph(tmp_path / "references", 1)], ENROLLED)
    write_run(tmp_path / "runs", "first")
    monkeypatch.setattr("sys.argv", ["app.py", "--runs", str(tmp_path / "runs"), "--manage"])
    return index


def titled(page):
    """Return the page after checking that it has a title, and no traceback."""
    assert len(sound(page).title) == 1
    return page


@pytest.mark.parametrize("name", PAGES)
def test_no_index(name, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["app.py", "--runs", str(tmp_path)])
    (tmp_path / "file").write_text("no index")
    for given in (None, tmp_path / "none", tmp_path / "file", tmp_path):
        if given is None:
            monkeypatch.delenv("TWINLENS_INDEX", raising=False)
        else:
            monkeypatch.setenv("TWINLENS_INDEX", str(given))
        page = titled(started(name))
        assert any("twinlens" in each.value for each in page.code), "what to do next"


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_index(all_pages, name):
    remove(all_pages, globs=["*"])
    titled(started(name))
    titled(started(name, picture="1", a="1", b="2", area="0,0 1,0 1,1"))


@pytest.mark.parametrize("name", PAGES)
def test_an_index_that_is_removed_and_comes_back(all_pages, name):
    page = titled(started(name))
    away = all_pages.parent / "away"
    shutil.move(all_pages, away)
    page = titled(page.run())
    assert bool(page.error) == (name in OF_THE_INDEX)
    shutil.move(away, all_pages)
    assert not titled(page.run()).error


@pytest.mark.parametrize("name", PAGES)
def test_an_index_that_is_rebuilt_meanwhile(all_pages, name):
    page = titled(started(name))
    kinds = iter(["hnsw", "flat"])
    for kind in kinds:
        working = threading.Thread(target=rebuild, args=(all_pages, BuildConfig(kind=kind, device="cpu")))
        working.start()
        while working.is_alive():
            titled(page.run())
        assert not titled(page.run()).error


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("value", TAMPERED)
def test_tampered_parameters(all_pages, name, value):
    titled(started(name, **dict.fromkeys(PARAMETERS[name].split(), value)))


@pytest.mark.parametrize("name", OF_THE_INDEX)
def test_files_that_are_no_pictures_any_more(all_pages, name):
    for picture_id in range(1, 13):
        path_of(all_pages, picture_id).write_text("no picture")
    page = titled(started(name, picture="1", a="1", b="2", why="true"))
    while page.get("progress") and name == "duplicates":
        page = titled(page.run())


@pytest.mark.parametrize("name", OF_THE_INDEX)
def test_markup_in_names(hostile, name, tmp_path, monkeypatch):
    make_map(hostile)
    enroll(hostile, "<b>**Eve**</b> :cat: $x$", [photograph(tmp_path / "r **b** :dog:", 1)], ENROLLED)
    monkeypatch.setattr("sys.argv", ["app.py", "--manage"])
    assert parts(titled(started(name, picture="1", a="1", b="2"))) == []


def fields(page, name):
    """The uploaders through which a picture is searched with, compared or identified."""
    return [each for each in page.file_uploader if name != "people" or each.key == "identify-upload"]


@pytest.fixture(scope="module")
def photo():
    """A photo of 100 megapixels."""
    return jpeg(draw(5).resize((11_600, 8_700), Image.Resampling.NEAREST))


@pytest.mark.parametrize("name", ["search", "compare", "people"])
def test_a_photo_of_100_megapixels_and_a_text_named_jpg(all_pages, name, photo):
    page = started(name, **({"threshold": "1", "force": "true"} if name == "people" else {}))
    fields(page, name)[0].set_value(("letter.jpg", b"no picture", "image/jpeg"))
    page = titled(page.run())
    assert "letter.jpg" in " ".join(each.value for each in page.error)
    fields(page, name)[0].set_value(("photo.jpg", photo, "image/jpeg"))
    page = titled(page.run())
    assert not page.error
    assert "11600 × 8700" in texts(page) or name == "people"


def test_twenty_uploads_in_a_row(app, gallery):
    page = app
    for number in range(20):
        page.file_uploader[0].set_value((f"{number}.jpg", jpeg(draw(number, (300, 250))), "image/jpeg"))
        page = titled(page.run())
        assert path_of(gallery, neighbours(page)[0]).name == f"{number:04d}.png"
    page.toggle(key="adding").set_value(True)
    page = sound(page.run())
    for number in range(20, 32):
        page.file_uploader[0].set_value((f"{number}.jpg", jpeg(draw(number)), "image/jpeg"))
        page = titled(page.run())
    assert len(page.session_state["held"]) == MOST_UPLOADS


@pytest.mark.parametrize("name", ["compare", "people"])
def test_an_upload_is_not_shown_to_another_visitor(all_pages, name):
    first, second = started(name), started(name)
    fields(first, name)[0].set_value(("mine.jpg", jpeg(draw(7)), "image/jpeg"))
    sound(first.run())
    sound(second.run())
    assert fields(first, name)[0].value
    assert not any(each.value for each in second.file_uploader)
    assert "mine.jpg" not in texts(second)


def test_a_decision_about_a_copy_is_that_of_one_visitor(own, index):
    pictures, rebuilt = own
    shutil.copy(pictures / "label2" / "0005.png", pictures / "label0" / "copy.png")
    rebuilt()
    first, second = started("duplicates", exact="true"), started("duplicates", exact="true")
    for page in (first, second):
        while page.get("progress"):
            sound(page.run())
    keep = next(each for each in first.button if each.label == "Keep")
    sound(keep.click().run())
    assert "1 file decided by you" in texts(first)
    assert "decided by you" not in texts(sound(second.run()))
