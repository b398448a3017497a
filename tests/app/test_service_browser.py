"""The app and the service as two processes: the app may not open a file of the service, which is started again."""

from __future__ import annotations

from benchmarks.service_load import serving
from search import open_index
from tests.app.browser import (
    IN_BROWSER,
    ROOT,
    command_of,
    fits,
    free_port,
    neighbour,
    query,
    served,
    settled,
    upload,
    violations,
)
from tests.app.page import jpeg
from tests.conftest import draw

pytestmark = IN_BROWSER


def test_an_upload_is_searched_in_a_service_that_is_started_again(page, browser, gallery, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    port = free_port()
    command = ["env", f"TWINLENS_FORBIDDEN={gallery.parent}", *command_of(None, free_port())]
    command += ["--url", f"http://127.0.0.1:{port}"]
    serve = ("--index", gallery, "--device", "cpu")
    picture = draw(5, (300, 250))
    with open_index(gallery) as engine:
        expected = engine.search(picture, 2)
    with served(None, tmp_path, command=command) as address:
        with serving(*serve, port=port):
            page.goto(address)
            page.get_by_role("button", name="Surprise me").wait_for()
            settled(page)
            upload(page, "holiday.jpg", jpeg(picture))
            for rank, hit in enumerate(expected, 1):
                page.locator(f'img[alt="Neighbour {rank}: {hit.path}"]').wait_for()
            settled(page)
            assert neighbour(page, 1).evaluate("image => image.complete && image.naturalWidth > 0")
            with browser.expect_page() as opened:
                neighbour(page, 1).click()
            full = opened.value
            full.locator(f'img[alt="Picture in full: {expected[0].path}"]').wait_for()
            settled(full)
            full.close()
        page.get_by_role("button", name="Find similar").nth(1).click()
        page.get_by_text("the service cannot be reached").wait_for()
        page.get_by_role("button", name="Try again").wait_for()
        settled(page)
        assert not violations(page)
        assert fits(page)
        with serving(*serve, port=port):
            query(page).wait_for()  # without a click
            neighbour(page, 1).wait_for()
            settled(page)
            assert query(page).get_attribute("alt") == f"Query: {expected[1].path}"
