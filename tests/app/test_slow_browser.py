"""The page ends up as its address says, however late the browser shows what the app sends."""

from __future__ import annotations

import pytest

from tests.app.browser import IN_BROWSER, choose, settled
from tests.app.slow_line import SlowLine

pytestmark = IN_BROWSER
PICTURES = "document.querySelectorAll('[data-testid=stImageContainer] img').length"
COLLAPSE = "document.querySelector('[data-testid=stCheckbox] input').checked"
WHERE = "document.querySelector('[data-testid=stTextInput] input').value"


@pytest.fixture
def page(page, gallery_address):
    page.line = SlowLine(page)
    page.goto(gallery_address)
    shows(page, "", 32)
    return page


def shows(page, query, pictures, *, where="", collapse=False):
    """Wait for an address, and for all that the page shows at it."""
    page.wait_for_function(f"location.search === {query!r}")
    page.wait_for_function(f"{PICTURES} === {pictures}")
    page.wait_for_function(f"{WHERE} === {where!r}")
    page.wait_for_function(f"{COLLAPSE} === {str(collapse).lower()}")
    settled(page)


def stays(page, query, pictures, **widgets):
    """The page still shows an address after the browser had time to say otherwise."""
    shows(page, query, pictures, **widgets)
    page.wait_for_timeout(1000)
    shows(page, query, pictures, **widgets)


def choose_three_times(page):
    page.get_by_role("button", name="Page 2", exact=True).click()
    shows(page, "?page=2", 8)
    page.get_by_role("textbox", name="Only pictures where").fill("id > 17")
    page.get_by_role("textbox", name="Only pictures where").press("Enter")
    shows(page, "?where=id+%3E+17", 23, where="id > 17")
    page.get_by_text("Collapse copies").click()
    shows(page, "?where=id+%3E+17&collapse=true", 23, where="id > 17", collapse=True)


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "cut short"])
def test_the_second_way_back_comes_before_the_page_of_the_first(page, finished):
    """It comes with the widgets of the newest page, which nobody chose at the address gone back to."""
    choose_three_times(page)
    with page.line.held():
        page.evaluate("history.back()")
        page.line.wait(lambda: page.line.steps() == 1 and page.line.runs_finished() >= finished)
        page.evaluate("history.back()")
        page.line.wait(lambda: page.line.steps() == 2 and page.line.runs_finished() > finished)
    stays(page, "?page=2", 8)
    page.go_back()
    stays(page, "", 32)
    page.go_forward()
    stays(page, "?page=2", 8)
    page.evaluate("history.go(2)")
    stays(page, "?where=id+%3E+17&collapse=true", 23, where="id > 17", collapse=True)


def test_quick_steps_back_and_forth_end_at_the_last(page):
    choose_three_times(page)
    entries, at = ["", "?page=2", "?where=id+%3E+17", "?where=id+%3E+17&collapse=true"], 3
    for step in (-1, -1, 1, -1, -1, 1, 1, 1, -1, -1):
        page.evaluate(f"history.go({step})")
        at += step
        page.wait_for_function(f"location.search === {entries[at]!r}")
    stays(page, "?page=2", 8)


def test_the_way_back_comes_before_the_answer_to_a_choice(page):
    """The address of the choice comes after the step back, and replaces that of the page gone back to."""
    page.get_by_role("button", name="Page 2", exact=True).click()
    shows(page, "?page=2", 8)
    with page.line.held():
        page.get_by_text("Collapse copies").click()
        page.line.wait(lambda: page.line.runs_finished() == 1)
        page.evaluate("history.back()")
        page.line.wait(lambda: page.line.runs_finished() == 2)
    stays(page, "?collapse=true", 32, collapse=True)


def test_a_look_for_changes_undoes_no_choice(page):
    """It comes every few seconds with the widgets that the browser shows."""
    choose_label(page, "label1 (13)")
    shows(page, "?label=label1", 13)
    with page.line.held():
        choose_label(page, "label2 (13)")
        page.line.wait(lambda: page.line.runs_finished() == 1)
        page.line.wait(lambda: page.line.looks() > 0)
    stays(page, "?label=label2", 13)
    page.get_by_text("Collapse copies").click()
    stays(page, "?label=label2&collapse=true", 13, collapse=True)
    assert [box.inner_text() or box.input_value() for box in page.get_by_role("combobox").all()] == ["label2 (13)"] * 2


def choose_label(page, text):
    """Choose it above the collection; the settings have a widget for it too."""
    page.mouse.move(0, 0)  # a picture below the mouse would show its buttons over the widget
    choose(page, page.get_by_role("combobox").last, text)
