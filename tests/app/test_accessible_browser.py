"""Every page by the rules of axe-core, light and dark, on a screen and on a phone; nothing sticks out at its side."""

from __future__ import annotations

import pytest

from app_parts.sign_in_page import sign_in_page, sign_out_page
from tests.app.browser import IN_BROWSER, LOOKS, OTHER_LOOKS, looks_sound, settled

pytestmark = IN_BROWSER

VIEWS = {
    "search": ["/", "/?where=id+%3C+0", "/?picture=x&k=x&where=nummer&label=x", "/?full=7"],
    "hits": ["/?picture=7", "/?picture=7&with=9&without=12&liked=3,4&disliked=5", "/?picture=7&crop=0.1,0.1,0.6,0.6"],
    "map": ["/map", "/map?by=width", "/map?by=x"],
    "compare": ["/compare", "/compare?a=1&b=5", "/compare?a=x&threshold=9&b=99"],
    "duplicates": ["/duplicates", "/duplicates?exact=true&page=9&threshold=x"],
    "people": [
        "/people",
        "/people?threshold=x",
        *(f"/people?tab={each}" for each in ("enrolled", "enroll", "unknown")),
    ],
    "index": ["/index"],
    "training": ["/training", "/training?runs=%5B%22finished%22%2C%22growing%22%5D&metric=loss"],
}


LOOKED_AT = pytest.mark.parametrize(
    "looks", [LOOKS, pytest.param(OTHER_LOOKS, marks=pytest.mark.slow)], ids=["first", "other"]
)


@LOOKED_AT
@pytest.mark.parametrize("name", VIEWS)
def test_a_page_is_accessible(page, workbench_address, name, looks):
    for view in VIEWS[name]:
        shown(page, workbench_address + view)
        looks_sound(page, looks)


@LOOKED_AT
@pytest.mark.parametrize("part", ["Search by a part", "Export all", "Same search", "Use"])
def test_what_opens_on_the_search_page_is_accessible(page, workbench_address, part, looks):
    shown(page, f"{workbench_address}/?picture=7")
    page.get_by_role("button", name=part).first.click()
    if part == "Search by a part":
        page.locator(".st-key-canvas canvas").last.wait_for()
    settled(page)
    looks_sound(page, looks)


def test_the_settings_of_a_phone_are_accessible(page, workbench_address):
    page.set_viewport_size({"width": 390, "height": 900})
    shown(page, workbench_address)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("Number of results").wait_for()
    looks_sound(page, [(390, "light"), (390, "dark")])
    assert not page.get_by_text("on the left").count()


@LOOKED_AT
def test_the_pages_of_the_password_are_accessible(page, workbench_address, looks):
    page.goto(f"{workbench_address}/_stcore/health")
    for html in (sign_in_page("/sign-in", "/"), sign_in_page("/sign-in", "/", "Wrong."), sign_out_page("/x", "/")):
        page.set_content(html)
        looks_sound(page, looks)


def shown(page, address):
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_test_id("stProgress").filter(has_text="…").wait_for(state="hidden")
    settled(page)
