from __future__ import annotations

import io
from urllib.parse import urlsplit

import pytest

from search import open_index
from tests.app.browser import CHROMIUM, chromium, served
from tests.conftest import draw

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(gallery, tmp_path_factory):
    with served(gallery, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(address, browser):
    """The app's first page; whatever a test does in it must not ask any other server for anything."""
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_role("button", name="Surprise me").wait_for()
    yield page
    assert asked
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
    assert page.get_by_text("Traceback").count() == 0
    page.close()


def upload(page, name, data):
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": data})


def jpeg(image):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return data.getvalue()


def neighbour(page, rank):
    """The picture of a rank; its description ends with its path."""
    return page.locator(f'img[alt^="Neighbour {rank}: "]')


def query(page):
    return page.locator('img[alt^="Query: "]')


def test_an_uploaded_picture_finds_its_twin_and_a_click_goes_on_from_there(page, gallery):
    upload(page, "holiday.jpg", jpeg(draw(5, (300, 250))))
    neighbour(page, 1).wait_for()
    assert neighbour(page, 1).get_attribute("alt").endswith("label2/0005.png")
    assert page.get_by_text("1. label2", exact=True).is_visible()
    assert neighbour(page, 1).evaluate("image => image.complete && image.naturalWidth > 0")

    second = neighbour(page, 2).get_attribute("alt").removeprefix("Neighbour 2: ")
    with open_index(gallery) as engine:
        chosen = next(record for record in engine.pictures() if str(record.path) == second)
        expected = next(hit for hit in engine.search_id(chosen.id, 2) if hit.id != chosen.id)
    page.get_by_role("button", name="Search from this").nth(1).click()
    page.locator(f'img[alt="Query: {second}"]').wait_for()
    page.locator(f'img[alt="Neighbour 1: {expected.path}"]').wait_for()
    assert f"picture={chosen.id}" in page.url


def test_the_browsers_way_back_goes_from_query_to_query(page):
    page.goto(f"{page.url}?picture=7")
    own = [element.get_attribute("alt") for element in (query(page), neighbour(page, 1))]
    page.get_by_role("button", name="Search from this").first.click()
    page.locator(f'img[alt="{own[1].replace("Neighbour 1", "Query")}"]').wait_for()
    page.go_back()
    page.locator(f'img[alt="{own[0]}"]').wait_for()
    assert page.url.endswith("picture=7")
    page.locator(f'img[alt="{own[1]}"]').wait_for()  # the query is drawn before its neighbours are
    assert neighbour(page, 1).get_attribute("alt") == own[1]


def test_an_address_can_be_sent_to_somebody(page, address):
    page.goto(f"{address}/?picture=7&k=3")
    neighbour(page, 3).wait_for()
    assert neighbour(page, 4).count() == 0


def test_a_broken_upload_is_told_and_the_next_one_works(page):
    upload(page, "broken <b>`name`</b>.jpg", jpeg(draw(5))[:300])
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "broken <b>`name`</b>.jpg: truncated" in alert.inner_text()
    assert page.get_by_role("button", name="Surprise me").is_visible()
    upload(page, "whole.jpg", jpeg(draw(6)))
    neighbour(page, 1).wait_for()
    assert neighbour(page, 1).get_attribute("alt").endswith("label0/0006.png")
    assert alert.count() == 0


def test_the_server_listens_on_this_machine_only(address):
    """By .streamlit/config.toml alone: the command of the test names no address."""
    import socket

    port = urlsplit(address).port
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET, socket.SOCK_STREAM)]
    for host in {host for host in own if not host.startswith("127.")} or {"127.0.0.2"}:
        with socket.socket() as probe:
            assert probe.connect_ex((host, port)) != 0
