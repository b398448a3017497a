"""A photo of the camera is searched with and identified; the browser is asked for the camera only once it is wanted."""

from __future__ import annotations

import pytest

from tests.app.browser import CAMERA, IN_BROWSER, chromium, neighbour, query, settled

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def browser():
    with chromium(*CAMERA) as browser:
        yield browser


def cameras_asked(page):
    """Count how often the page asks for the camera from now on."""
    page.add_init_script(
        """window.asked = 0;
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (...given) => { window.asked += 1; return ask(...given); };"""
    )
    return lambda: page.evaluate("window.asked")


def take_photo(page):
    page.wait_for_function("[...document.querySelectorAll('video')].some(each => each.videoWidth)")  # or it is ignored
    page.get_by_role("button", name="Take Photo").click()


def test_a_photo_is_searched_with(page, gallery_address):
    asked = cameras_asked(page)
    page.goto(gallery_address)
    page.get_by_role("button", name="Take a photo").wait_for()
    settled(page)
    assert asked() == 0
    page.get_by_role("button", name="Take a photo").click()
    take_photo(page)
    query(page).wait_for()
    neighbour(page, 1).wait_for()
    settled(page)
    assert asked() > 0


def test_a_photo_is_identified(page, workbench_address):
    page.goto(f"{workbench_address}/people?threshold=2&force=true")
    page.get_by_text("Use the camera").first.click()
    take_photo(page)
    page.get_by_role("heading", name="Identified").wait_for()
    settled(page)
