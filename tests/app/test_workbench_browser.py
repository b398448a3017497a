"""The main act of each page beside Search, in a real browser, and axe-core on all of them."""

from __future__ import annotations

import io
from pathlib import Path

from indexer import choose_all, find_duplicates
from indexer.training.history import HistoryRow, write_history
from search.config import DuplicatesConfig
from tests.app.browser import IN_BROWSER, settled
from tests.conftest import draw
from tests.people import photograph

pytestmark = IN_BROWSER


def png(number):
    data = io.BytesIO()
    draw(number).save(data, "PNG")
    return {"name": f"{number}.png", "mimeType": "image/png", "buffer": data.getvalue()}


def test_two_uploads_are_compared_and_the_threshold_slides(page, workbench_address):
    page.goto(f"{workbench_address}/compare")
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


def test_a_proposed_file_is_kept_undone_and_the_list_exported(page, workbench, workbench_address):
    page.goto(f"{workbench_address}/duplicates?exact=true")
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
    report = find_duplicates(workbench / "photos.index", DuplicatesConfig(exact_only=True))
    assert listed == [str(each.path) for choice in choose_all(report.groups, "best") for each in choice.spare]
    assert len(listed) == 2
    assert all(Path(each).exists() for each in listed), "nothing is deleted"


def test_an_uploaded_picture_is_identified(page, workbench, workbench_address):
    page.goto(f"{workbench_address}/people?threshold=0.5")
    page.get_by_role("tab", name="Identify").wait_for()
    page.locator("input[type=file]").first.set_input_files(photograph(workbench / "shots", 1, 1))
    page.get_by_role("heading", name="Identified").wait_for()
    settled(page)
    assert page.get_by_text("Ada").count()
    page.get_by_role("tab", name="Attendance").click()
    page.get_by_text("The log has no visit yet.").wait_for()
    page.wait_for_function("location.search.includes('tab=Attendance')")
    page.reload()
    page.get_by_text("The log has no visit yet.").wait_for()


def test_the_curve_of_a_growing_run_is_drawn_again(page, workbench, workbench_address):
    page.goto(f"{workbench_address}/training?runs=%5B%22growing%22%5D")
    page.get_by_test_id("stVegaLiteChart").wait_for()
    page.get_by_text("running, step 30 after").wait_for()
    rows = [HistoryRow(step, step / 9, 0.1, 1 / step, 0.2, 0.5, 0.4, 0.1, None) for step in (10, 20, 30, 777)]
    write_history(workbench / "runs" / "growing", rows)
    page.get_by_text("running, step 777 after").wait_for()
    settled(page)
