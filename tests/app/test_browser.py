from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from PIL import Image

from indexer.collection.add import add
from search import open_index
from tests.app.browser import IN_BROWSER, neighbour, query, served, settled, upload
from tests.app.page import jpeg
from tests.conftest import draw

pytestmark = IN_BROWSER


@pytest.fixture
def page(page, gallery_address):
    """The app's first page."""
    page.goto(gallery_address)
    page.get_by_role("button", name="Surprise me").wait_for()
    settled(page)
    return page


def test_an_upload_finds_its_original_and_a_click_continues_from_a_neighbour(page, gallery):
    upload(page, "holiday.jpg", jpeg(draw(5, (300, 250))))
    neighbour(page, 1).wait_for()
    settled(page)
    assert neighbour(page, 1).get_attribute("alt").endswith("label2/0005.png")
    assert page.get_by_text("1. label2", exact=True).is_visible()
    assert neighbour(page, 1).evaluate("image => image.complete && image.naturalWidth > 0")

    second = neighbour(page, 2).get_attribute("alt").removeprefix("Neighbour 2: ")
    with open_index(gallery) as engine:
        chosen = next(record for record in engine.pictures() if str(record.path) == second)
        expected = next(hit for hit in engine.search_id(chosen.id, 2) if hit.id != chosen.id)
    page.get_by_role("button", name="Find similar").nth(1).click()
    page.locator(f'img[alt="Query: {second}"]').wait_for()
    page.locator(f'img[alt="Neighbour 1: {expected.path}"]').wait_for()
    assert f"picture={chosen.id}" in page.url


def test_the_browsers_back_button_returns_to_the_previous_query(page):
    page.goto(f"{page.url}?picture=7")
    neighbour(page, 1).wait_for()
    settled(page)
    own = [element.get_attribute("alt") for element in (query(page), neighbour(page, 1))]
    page.get_by_role("button", name="Find similar").first.click()
    page.locator(f'img[alt="{own[1].replace("Neighbour 1", "Query")}"]').wait_for()
    settled(page)
    page.go_back()
    page.locator(f'img[alt="{own[0]}"]').wait_for()
    assert page.url.endswith("picture=7")
    page.locator(f'img[alt="{own[1]}"]').wait_for()  # the query is drawn before its neighbours
    assert neighbour(page, 1).get_attribute("alt") == own[1]


def test_an_address_can_be_shared(page, gallery_address):
    page.goto(f"{gallery_address}/?picture=7&k=3")
    neighbour(page, 3).wait_for()
    settled(page)
    assert neighbour(page, 4).count() == 0


def test_a_broken_upload_is_reported_and_the_next_one_works(page):
    upload(page, "broken <b>`name`</b>.jpg", jpeg(draw(5))[:300])
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "broken <b>`name`</b>.jpg: truncated" in alert.inner_text()
    assert page.get_by_role("button", name="Surprise me").is_visible()
    upload(page, "whole.jpg", jpeg(draw(6)))
    neighbour(page, 1).wait_for()
    settled(page)
    assert neighbour(page, 1).get_attribute("alt").endswith("label0/0006.png")
    assert alert.count() == 0


def shown(page):
    """Descriptions of the pictures on the page."""
    return [image.get_attribute("alt") for image in page.locator("[data-testid=stImageContainer] img").all()]


def test_a_click_on_a_picture_opens_it_in_full(page, browser, gallery):
    page.goto(f"{page.url}?picture=7")
    neighbour(page, 1).wait_for()
    settled(page)
    path = neighbour(page, 1).get_attribute("alt").removeprefix("Neighbour 1: ")
    with browser.expect_page() as opened:
        neighbour(page, 1).click()
    full = opened.value
    image = full.locator('img[alt^="Picture in full: "]')
    image.wait_for()
    settled(full)
    assert image.get_attribute("alt") == f"Picture in full: {path}"
    with Image.open(path) as original:
        assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == list(original.size)
    full.get_by_role("button", name="Find similar").click()
    full.locator(f'img[alt="Query: {path}"]').wait_for()
    full.close()


def test_the_browsers_back_button_undoes_choices_and_a_reload_keeps_them(page):
    def is_at(query):
        page.wait_for_function(f"location.search === {query!r}")

    start = page.url
    page.get_by_role("button", name="Page 2", exact=True).or_(page.get_by_role("button", name="2", exact=True)).click()
    is_at("?page=2")
    page.get_by_role("textbox", name="Only pictures where").fill("id > 17")
    page.get_by_role("textbox", name="Only pictures where").press("Enter")
    is_at("?where=id+%3E+17")
    page.get_by_text("Collapse copies").click()
    is_at("?where=id+%3E+17&collapse=true")
    page.locator("img[alt$='0022.png']").first.wait_for()
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 23")
    settled(page)
    before = shown(page)
    assert len(before) == 23
    page.reload()
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 23")
    page.locator("img[alt$='0022.png']").first.wait_for()
    settled(page)
    assert shown(page) == before
    assert page.get_by_role("textbox", name="Only pictures where").input_value() == "id > 17"
    page.go_back()
    is_at("?where=id+%3E+17")
    page.wait_for_function("!document.querySelector('[data-testid=stCheckbox] input').checked")
    page.go_back()
    is_at("?page=2")
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 8")
    page.wait_for_function("document.querySelector('[data-testid=stTextInput] input').value === ''")
    page.go_back()
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 32")
    assert page.url == start
    page.go_forward()
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 8")


def test_an_open_page_follows_commits_of_another_process(pictures, index, tmp_path, browser):
    with served(index, tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/?label=label1")
        page.get_by_text("Which of 12 pictures").wait_for()
        draw(99).save(pictures / "label1" / "late.png")
        add(index, [pictures / "label1" / "late.png"])
        page.get_by_text("Which of 13 pictures").wait_for()
        page.locator("img[alt$='late.png']").wait_for()
        settled(page)
        assert [box.inner_text() or box.input_value() for box in page.get_by_role("combobox").all()] == [
            "label1 (5)"
        ] * 2
        page.close()


def test_two_quick_choices_are_both_kept(page):
    """The second click comes before the response to the first, with an address that does not include it yet."""
    page.get_by_role("textbox", name="Only pictures where").fill("id > 30")
    page.get_by_text("Collapse copies").click()  # the text is submitted when it loses the focus
    page.wait_for_function("location.search === '?where=id+%3E+30&collapse=true'")
    page.wait_for_function("document.querySelectorAll('[data-testid=stImageContainer] img').length === 10")
    page.get_by_role("textbox", name="Only pictures where").fill("id > 35")
    page.get_by_role("button", name="Search", exact=True).last.click()
    query(page).wait_for()
    neighbour(page, 4).wait_for()
    page.wait_for_function("location.search.includes('where=id+%3E+35') && location.search.includes('picture=40')")


def test_the_server_listens_on_this_machine_only(gallery_address):
    """By .streamlit/config.toml alone: the test's command gives no address."""
    import socket

    port = urlsplit(gallery_address).port
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET, socket.SOCK_STREAM)]
    for host in {host for host in own if not host.startswith("127.")} or {"127.0.0.2"}:
        with socket.socket() as probe:
            assert probe.connect_ex((host, port)) != 0
