"""The map in a headless Chromium: lasso, box, hover, zoom, colours, on a screen and on a phone."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks.mapped_index import mapped_index
from tests.app.browser import IN_BROWSER, WAIT_MS, choose, served, settled, watched
from tests.conftest import fill

pytestmark = IN_BROWSER

COUNT, REAL = 5_000, 40
MARGIN = 1.08
"""Room around the whole map, as in `plane.js`."""


@pytest.fixture(scope="module")
def points():
    """Positions of 5,000 pictures in [-1, 1], reaching all four sides."""
    positions = np.random.default_rng(4).uniform(-0.97, 0.97, (COUNT, 2)).astype(np.float32)
    positions[-4:] = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    return positions


@pytest.fixture(scope="module")
def index(points, tmp_path_factory):
    """Imported vectors, of which the first 40 have files, and a map with these positions, enlarged and moved."""
    folder = tmp_path_factory.mktemp("map")
    return mapped_index(folder, points * 7 + 3, fill(folder / "p", REAL))


@pytest.fixture(scope="module")
def address(index, tmp_path_factory):
    with served(index, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(page, address):
    """The map in full."""
    return whole_map(page, address)


def whole_map(page, address):
    """Open the page, and show the whole map on it."""
    page.goto(f"{address}/map")
    page.locator(".plane[data-paint-ms]").wait_for()
    settled(page)
    page.get_by_role("button", name="All", exact=True).click()
    return page


def canvas(page):
    return page.locator("canvas.points").bounding_box()


def on_screen(page, positions):
    """Where positions in [-1, 1] are on the page that shows the whole map."""
    box = canvas(page)
    scale = min(box["width"], box["height"]) / 2 / MARGIN
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    return middle + positions.astype(float) * [scale, -scale]


def drag(page, path):
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def chosen(page):
    """Ids of the selected pictures, as the visitor can download them."""
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    return {row["id"] for row in json.loads(download.value.path().read_text())}


def winding(path, place):
    """How often a path turns around a place, by the sum of angles: another method than the even-odd rule."""
    total = 0.0
    for (ax, ay), (bx, by) in zip(path, [*path[1:], path[0]], strict=True):
        ax, ay, bx, by = ax - place[0], ay - place[1], bx - place[0], by - place[1]
        total += math.atan2(ax * by - ay * bx, ax * bx + ay * by)
    return round(total / (2 * math.pi))


def distance_to(path, place):
    least = math.inf
    for a, b in zip(path, [*path[1:], path[0]], strict=True):
        (ax, ay), (bx, by) = a, b
        along = ((place[0] - ax) * (bx - ax) + (place[1] - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        along = min(1, max(0, along))
        least = min(least, math.dist(place, (ax + along * (bx - ax), ay + along * (by - ay))))
    return least


def star(page):
    """A lasso that is not convex, with corners at whole pixels."""
    box = canvas(page)
    x, y, size = box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2 - 10, box["height"] / 2
    corners = []
    for n in range(24):
        turn, reach = 2 * math.pi * n / 24, size * (0.75 if n % 2 else 0.35)
        corners.append((round(x + reach * math.cos(turn)), round(y + reach * math.sin(turn))))
    return corners


def test_the_lasso_holds_what_geometry_says(page, points):
    page.get_by_role("button", name="Lasso").click()
    path, places = star(page), on_screen(page, points).tolist()
    drag(page, path)
    page.get_by_role("heading", name="selected").wait_for()
    held = chosen(page)
    sure = {n for n, place in enumerate(places) if distance_to(path, place) > 0.01}
    assert len(sure) > COUNT - 5
    expected = {n + 1 for n in sure if winding(path, places[n]) != 0}
    assert 500 < len(expected) < 2_500
    assert held & {n + 1 for n in sure} == expected
    # The browser marks the same pictures, and the heading counts them.
    assert page.locator(".chosen").inner_text() == f"{len(held):,} selected"
    assert page.get_by_role("heading", name=f"{len(held):,} pictures selected").is_visible()


def test_a_box_and_escape(page, points):
    page.get_by_role("button", name="Box", exact=True).click()
    box = canvas(page)
    left, top = round(box["x"] + box["width"] / 2 - 90), round(box["y"] + 60)
    places = on_screen(page, points)
    drag(page, [(left, top), (left + 30, top + 20), (left + 170, top + 110)])
    page.get_by_role("heading", name="selected").wait_for()
    inside = (places > (left, top)).all(axis=1) & (places < (left + 170, top + 110)).all(axis=1)
    assert chosen(page) == {n + 1 for n in np.flatnonzero(inside).tolist()}
    page.locator("canvas.points").focus()
    page.keyboard.press("Escape")
    page.get_by_text("Draw around pictures with the lasso").wait_for()
    assert page.locator(".chosen").inner_text() == ""


def test_colours_keep_zoom_and_selection(page):
    page.get_by_role("button", name="Lasso").click()
    drag(page, star(page))
    page.get_by_role("heading", name="selected").wait_for()
    held = chosen(page)
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".legend").inner_text().count("cluster") == 4
    choose(page, page.get_by_role("combobox", name="Colours"), "kind")
    page.get_by_text("<b>kind 0</b> (1,667)").wait_for()
    assert "by=kind" in page.url
    assert chosen(page) == held
    page.get_by_role("button", name="<b>kind 1</b>").click()
    assert page.get_by_role("button", name="<b>kind 1</b>").get_attribute("aria-pressed") == "true"
    choose(page, page.get_by_role("combobox", name="Colours"), "price")
    page.locator(".scale").wait_for()
    assert page.locator(".scale").inner_text().split() == ["≤", "50", "≥", "4949"]


def test_a_point_shows_its_picture_while_the_pointer_rests_on_it(page, points):
    places = on_screen(page, points)
    apart = [np.sort(np.linalg.norm(places - place, axis=1))[1] for place in places[:REAL]]
    number = int(np.argmax(apart))
    page.mouse.move(*places[number])
    image = page.locator(".tip img")
    image.wait_for()
    assert page.locator(".tip figcaption").inner_text() == f"{number:04d}.png"
    assert image.evaluate("async image => { await image.decode(); return image.naturalWidth }") > 0
    gone = REAL + int(np.argmax([np.sort(np.linalg.norm(places - place, axis=1))[1] for place in places[REAL:400]]))
    page.mouse.move(*places[gone])
    page.get_by_text(f"{gone}.jpg").wait_for()
    assert "No such file" in page.locator(".tip figcaption").inner_text()
    page.mouse.move(2, 2)
    assert page.locator(".tip").is_hidden()


def test_search_among_a_selection(page, points):
    page.get_by_role("button", name="Lasso").click()
    place = on_screen(page, points)[7]
    x, y = place.tolist()
    drag(page, [(x - 12, y - 12), (x + 12, y - 12), (x + 12, y + 12), (x - 12, y + 12)])
    page.get_by_role("heading", name="selected").wait_for()
    held = chosen(page)
    assert 8 in held
    page.get_by_role("button", name="Search among them").click()
    page.wait_for_url("**/?area=*")
    page.get_by_text(f"Only {len(held)} picture").wait_for()


def test_the_wheel_zooms_and_a_drag_moves(page, points):
    places = on_screen(page, points)
    page.mouse.move(*places[3])
    page.get_by_text("0003.png").wait_for()
    page.mouse.wheel(0, -800)
    page.get_by_text("0003.png").wait_for()  # what is under the pointer stays there
    page.get_by_role("button", name="Move").click()
    x, y = places[3].tolist()
    drag(page, [(x + 30, y + 30), (x + 60, y + 50), (x + 80, y + 60)])
    page.mouse.move(x + 50, y + 30)
    page.get_by_text("0003.png").wait_for()


def test_a_tap_on_a_phone_shows_a_picture(address, browser, points):
    phone = browser.browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.set_default_timeout(WAIT_MS)
    with watched(phone.new_page()) as page:
        whole_map(page, address)
        assert page.get_by_role("button", name="Move").get_attribute("aria-pressed") == "true"
        places = on_screen(page, points)
        apart = [np.sort(np.linalg.norm(places - place, axis=1))[1] for place in places[:REAL]]
        number = int(np.argmax(apart))
        page.touchscreen.tap(*places[number])
        page.get_by_text(f"{number:04d}.png").wait_for()
        assert page.locator(".chosen").inner_text() == ""
    phone.close()
