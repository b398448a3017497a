"""The main act of each page beside Search, in a real browser, and axe-core on all of them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from indexer import choose_all, find_duplicates
from indexer.collection.build import build
from indexer.people.enroll import enroll
from indexer.training.history import HistoryRow, write_history
from search.config import DuplicatesConfig
from tests.app.browser import CHROMIUM, chromium, command_of, free_port, served, settled
from tests.app.test_browser import violations
from tests.app.test_training import run
from tests.conftest import FAST, draw, fill
from tests.people import FAST as ENROLLED
from tests.people import calibrate_by_hand, photograph

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A calibrated index of 12 pictures and copies of two of them."""
    folder = tmp_path_factory.mktemp("workbench")
    fill(folder / "pictures", 12)
    for number in (3, 4):
        draw(number).save(folder / "pictures" / "label0" / f"copy of {number}.png")
    build(folder / "pictures", folder / "photos.index", FAST)
    calibrate_by_hand(folder / "photos.index")
    enroll(folder / "photos.index", "Ada", [photograph(folder / "references", 1)], ENROLLED)
    run(folder / "runs", "finished")
    run(folder / "runs", "growing", finished=False, report=False)
    (folder / "runs" / "growing" / "writer.json").write_text(json.dumps({"process": os.getpid()}))
    return folder


@pytest.fixture(scope="module")
def address(place, tmp_path_factory):
    command = [*command_of(place / "photos.index", free_port()), "--runs", str(place / "runs")]
    with served(place / "photos.index", tmp_path_factory.mktemp("home"), command=command) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A page; a test fails if it requests anything from another server, or shows a traceback."""
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
    assert page.get_by_text("Traceback").count() == 0
    page.close()


def png(number):
    data = io.BytesIO()
    draw(number).save(data, "PNG")
    return {"name": f"{number}.png", "mimeType": "image/png", "buffer": data.getvalue()}


def test_two_uploads_are_compared_and_the_threshold_slides(page, address):
    page.goto(f"{address}/compare")
    page.get_by_text("Upload or drop the first picture").wait_for()
    page.locator("input[type=file]").first.set_input_files(png(3))
    page.locator('img[alt="First picture: 3.png"]').wait_for()
    page.locator("input[type=file]").nth(1).set_input_files(png(7))
    page.locator('img[alt="Second picture: 7.png"]').wait_for()
    page.get_by_role("heading", name="Different things").wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("End")
    page.get_by_role("heading", name="The same thing").wait_for()
    page.get_by_text("100.00% of pairs of different things").wait_for()
    page.wait_for_function("location.search.includes('threshold=2.0')")
    page.get_by_role("button", name="Back to the calibrated 0.3000").click()
    page.get_by_role("heading", name="Different things").wait_for()
    page.wait_for_function("!location.search.includes('threshold')")
    settled(page)


def test_a_proposed_file_is_kept_undone_and_the_list_exported(page, place, address):
    page.goto(f"{address}/duplicates?exact=true")
    page.get_by_role("heading", name="Group 2: 2 pictures").wait_for()
    dropped = page.get_by_role("button", name="Keep", exact=True)
    dropped.nth(1).wait_for()
    settled(page)
    assert dropped.count() == 2
    dropped.first.click()
    page.get_by_text("1 file decided by you").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("1 file decided by you").wait_for(state="hidden")
    settled(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="List of paths").click()
    listed = Path(download.value.path()).read_text().splitlines()
    report = find_duplicates(place / "photos.index", DuplicatesConfig(exact_only=True))
    assert listed == [str(each.path) for choice in choose_all(report.groups, "best") for each in choice.spare]
    assert len(listed) == 2
    assert all(Path(each).exists() for each in listed), "nothing is deleted"


def test_an_uploaded_picture_is_identified(page, place, address):
    page.goto(f"{address}/people?threshold=0.5")
    page.get_by_role("tab", name="Identify").wait_for()
    page.locator("input[type=file]").first.set_input_files(photograph(place / "shots", 1, 1))
    page.get_by_role("heading", name="Identified").wait_for()
    settled(page)
    assert page.get_by_text("Ada").count()
    page.get_by_role("tab", name="Attendance").click()
    page.get_by_text("twinlens attend").first.wait_for()


def test_the_curve_of_a_growing_run_is_drawn_again(page, place, address):
    page.goto(f"{address}/training?runs=%5B%22growing%22%5D")
    page.get_by_test_id("stVegaLiteChart").wait_for()
    page.get_by_text("running, step 30 after").wait_for()
    rows = [HistoryRow(step, step / 9, 0.1, 1 / step, 0.2, 0.5, 0.4, 0.1, None) for step in (10, 20, 30, 777)]
    write_history(place / "runs" / "growing", rows)
    page.get_by_text("running, step 777 after").wait_for()
    settled(page)


VIEWS = [
    "/people",
    "/people?threshold=x",
    "/training",
    "/training?runs=%5B%22finished%22%2C%22growing%22%5D&metric=loss",
    "/duplicates",
    "/duplicates?exact=true&page=9&threshold=x",
    "/compare",
    "/compare?a=1&b=5",
    "/compare?a=x&threshold=9&b=99",
]


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 768)])
def test_the_pages_are_accessible(page, address, scheme, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for view in VIEWS:
        page.goto(address + view)
        page.get_by_role("heading", level=1).wait_for()
        page.get_by_test_id("stProgress").filter(has_text="…").wait_for(state="hidden")
        settled(page)
        violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{view} sticks out"
