"""Whatever happens to the index, the files and the address: every page says what is wrong, and shows no traceback."""

from __future__ import annotations

import shutil
import threading

import pytest
from PIL import Image

from app_parts.menu import MENU
from app_parts.search.picking import MOST_UPLOADS
from indexer import make_map, rebuild
from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.people.enroll import enroll
from search.config import BuildConfig
from tests.app.page import jpeg, neighbours, path_of, sound, started, texts
from tests.app.runs import write_run
from tests.app.test_literal import hostile, parts
from tests.conftest import FAST, draw, fill
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


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A folder with an index that has all that pages show, and a training run."""
    folder = tmp_path_factory.mktemp("complete")
    fill(folder / "pictures", 12)
    completed(folder)
    write_run(folder / "runs", "first")
    return folder


def completed(folder):
    """Make the index of `folder / "pictures"` with a calibration, a map and a name."""
    build(folder / "pictures", folder / "photos.index", FAST)
    calibrate_by_hand(folder / "photos.index")
    make_map(folder / "photos.index")
    enroll(folder / "photos.index", "Ada", [photograph(folder / "references", 1)], ENROLLED)


@pytest.fixture
def shown(complete, monkeypatch):
    """The index, shown by an app that may change it; tests only read it."""
    monkeypatch.setenv("TWINLENS_INDEX", str(complete / "photos.index"))
    monkeypatch.setattr("sys.argv", ["app.py", "--runs", str(complete / "runs"), "--manage"])
    return complete / "photos.index"


@pytest.fixture
def copied(shown, tmp_path, monkeypatch):
    """A copy of the index, which a test may change; its pictures are those of all tests."""
    shutil.copytree(shown, tmp_path / "photos.index")
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "photos.index"))
    return tmp_path / "photos.index"


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
def test_an_empty_index(copied, name):
    remove(copied, globs=["*"])
    titled(started(name))
    titled(started(name, picture="1", a="1", b="2", area="0,0 1,0 1,1"))


@pytest.mark.parametrize("name", PAGES)
def test_an_index_that_is_removed_and_comes_back(copied, name):
    page = titled(started(name))
    away = copied.parent / "away"
    shutil.move(copied, away)
    page = titled(page.run())
    assert bool(page.error) == (name in OF_THE_INDEX)
    shutil.move(away, copied)
    assert not titled(page.run()).error


@pytest.mark.parametrize("name", PAGES)
def test_an_index_that_is_rebuilt_meanwhile(copied, name):
    page = titled(started(name))
    kinds = iter(["hnsw", "flat"])
    for kind in kinds:
        working = threading.Thread(target=rebuild, args=(copied, BuildConfig(kind=kind, device="cpu")))
        working.start()
        while working.is_alive():
            titled(page.run())
        assert not titled(page.run()).error


@pytest.mark.parametrize("name", PAGES)
def test_tampered_parameters(shown, name):
    page = started(name)
    for value in TAMPERED:
        page.query_params.update(dict.fromkeys(PARAMETERS[name].split(), value))
        titled(page.run())


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", OF_THE_INDEX)
def test_files_that_are_no_pictures_any_more(shown, name, tmp_path, monkeypatch):
    fill(tmp_path / "pictures", 12)
    completed(tmp_path)
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "photos.index"))
    for path in (tmp_path / "pictures").rglob("*.png"):
        path.write_text("no picture")
    page = titled(started(name, picture="1", a="1", b="2", why="true"))
    while page.get("progress") and name == "duplicates":
        page = titled(page.run())


@pytest.mark.thinned(3)
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
def test_a_photo_of_100_megapixels_and_a_text_named_jpg(shown, name, photo):
    page = started(name, **({"threshold": "1", "force": "true"} if name == "people" else {}))
    fields(page, name)[0].set_value(("letter.jpg", b"no picture", "image/jpeg"))
    page = titled(page.run())
    assert "letter.jpg" in " ".join(each.value for each in page.error)
    fields(page, name)[0].set_value(("photo.jpg", photo, "image/jpeg"))
    page = titled(page.run())
    assert not page.error
    assert "11600 × 8700" in texts(page) or name == "people"


@pytest.mark.slow
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
def test_an_upload_is_not_shown_to_another_visitor(shown, name):
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
