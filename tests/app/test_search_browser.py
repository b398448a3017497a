"""The main acts of the search page in a real browser: drag a box, paste, like, select and export, keys."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from urllib.parse import parse_qs, urlsplit

import pytest

from search import Crop, open_index
from tests.app.browser import IN_BROWSER, neighbour, query, settled, upload, violations
from tests.app.page import jpeg
from tests.command_line import twinlens
from tests.conftest import draw

pytestmark = IN_BROWSER


@pytest.fixture
def page(page, gallery_address):
    """The app's first page."""
    page.goto(gallery_address)
    page.get_by_role("button", name="Surprise me").wait_for()
    settled(page)
    return page


def parameters(page):
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def shown(page):
    """Paths of the neighbours, nearest first."""
    texts = [image.get_attribute("alt") for image in page.locator('img[alt^="Neighbour "]').all()]
    return [text.partition(": ")[2] for text in texts]


def paths(hits, *own):
    return [str(hit.path) for hit in hits if hit.id not in own][:10]


def shows(page, expected):
    """Wait until these are the neighbours."""
    page.wait_for_function(
        """expected => {
            const shown = [...document.querySelectorAll('img[alt^="Neighbour "]')].map(image => image.alt);
            return shown.length === expected.length
                && shown.every((text, at) => text === `Neighbour ${at + 1}: ${expected[at]}`);
        }""",
        arg=expected,
    )
    settled(page)


def test_a_box_that_is_dragged_on_the_query_is_the_part_to_search_by(page, gallery_address, gallery):
    page.goto(f"{gallery_address}/?picture=7")
    query(page).wait_for()
    page.get_by_role("button", name="Search by a part").click()
    canvas = page.locator(".st-key-canvas canvas").last
    canvas.wait_for()
    page.wait_for_timeout(500)  # the picture of the canvas
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.wait_for_timeout(1500)  # nothing that the app does meanwhile may interrupt a slow hand
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] - 2, steps=4)
    page.mouse.up()
    page.wait_for_function("(new URLSearchParams(location.search).get('crop') ?? '').split(',')[2] > 0.72")
    crop = Crop.read(parameters(page)["crop"])
    assert crop.ends == pytest.approx((0.25, 0.25, 0.75, 1), abs=0.02)
    with open_index(gallery) as engine:
        shows(page, paths(engine.search(engine.picture(7).path, 11, crop=crop), 7))
    page.reload()
    query(page).wait_for()
    assert Crop.read(parameters(page)["crop"]) == crop
    page.get_by_role("button", name="Whole picture").click()
    with open_index(gallery) as engine:
        shows(page, paths(engine.search_id(7, 11), 7))


def test_pasted_pictures_are_searched_with(page, gallery):
    data = io.BytesIO()
    draw(11, (90, 70)).save(data, "PNG")
    page.locator(".st-key-ask textarea").focus()
    page.evaluate(
        """data => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            const pasted = new DataTransfer();
            pasted.items.add(new File([bytes], "image.png", {type: "image/png"}));
            const event = new ClipboardEvent("paste", {clipboardData: pasted, bubbles: true, cancelable: true});
            document.activeElement.dispatchEvent(event);
        }""",
        base64.b64encode(data.getvalue()).decode(),
    )
    page.get_by_text("image.png").wait_for()
    page.locator("[data-testid=stChatInputSubmitButton]:not([disabled])").wait_for()  # it is uploaded
    page.keyboard.press("Enter")
    with open_index(gallery) as engine:
        shows(page, paths(engine.search(data.getvalue())))
    assert query(page).get_attribute("alt") == "Query: image.png"


def test_likes_and_dislikes_move_the_query_and_can_be_reset(page, gallery_address, gallery):
    page.goto(f"{gallery_address}/?picture=7")
    with open_index(gallery) as engine:
        plain = [hit for hit in engine.search_id(7, 11) if hit.id != 7]
        shows(page, paths(plain))
        page.get_by_role("button", name="More").nth(1).click()
        liked = plain[1].id
        shows(page, paths(engine.search_id(7, 11, liked=[liked]), 7))
        after = [hit for hit in engine.search_id(7, 11, liked=[liked]) if hit.id != 7]
        page.get_by_role("button", name="Less").first.click()
        shows(page, paths(engine.search_id(7, 11, liked=[liked], disliked=[after[0].id]), 7))
        assert parameters(page) == {"picture": "7", "liked": str(liked), "disliked": str(after[0].id)}
        page.go_back()
        shows(page, paths(after))
        page.get_by_role("button", name="Reset").click()
        shows(page, paths(plain))


def test_selected_hits_are_downloaded(page, tmp_path, gallery):
    upload(page, "holiday.jpg", jpeg(draw(5, (300, 250))))
    neighbour(page, 1).wait_for()
    settled(page)
    found = shown(page)
    for rank in (2, 4):
        page.locator(".st-key-hits [data-testid=stCheckbox]").nth(rank - 1).click()
    page.get_by_role("button", name="Export 2 pictures").click()
    saved = {}
    for kind in ("CSV", "JSON", "ZIP"):
        with page.expect_download() as download:
            page.locator(f".st-key-export-{kind} button").click()
        download.value.save_as(tmp_path / f"hits.{kind}")
        saved[kind] = (tmp_path / f"hits.{kind}").read_bytes()
    rows = list(csv.DictReader(io.StringIO(saved["CSV"].decode())))
    assert [row["path"] for row in rows] == [found[1], found[3]]
    assert [hit["path"] for hit in json.loads(saved["JSON"])["hits"]] == [found[1], found[3]]
    with zipfile.ZipFile(io.BytesIO(saved["ZIP"])) as archive:
        assert len(archive.namelist()) == 3
    assert shown(page) == found


def test_the_hits_equal_those_of_the_command_line(page, tmp_path, gallery):
    (tmp_path / "holiday.jpg").write_bytes(jpeg(draw(5, (300, 250))))
    upload(page, "holiday.jpg", (tmp_path / "holiday.jpg").read_bytes())
    neighbour(page, 1).wait_for()
    settled(page)
    done = twinlens("query", tmp_path / "holiday.jpg", "--index", gallery, "--json")
    assert shown(page) == [hit["path"] for hit in json.loads(done.stdout)["hits"]]


def focused(page):
    """Description of the picture whose link has the focus, or else the name of the element that has it."""
    return page.evaluate(
        "document.activeElement.matches('a') ? document.activeElement.querySelector('img').alt"
        " : document.activeElement.tagName"
    )


def test_keys_move_between_hits_open_them_and_lead_back(page, browser, gallery):
    page.keyboard.press("/")
    assert focused(page) == "TEXTAREA"
    page.keyboard.press("Escape")
    assert focused(page) == "BODY"
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Picture of the collection: ")
    upload(page, "holiday.jpg", jpeg(draw(5, (300, 250))))
    neighbour(page, 1).wait_for()
    settled(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Neighbour 1: ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    second_row = int(focused(page).split(":")[0].removeprefix("Neighbour "))
    assert second_row > 2
    page.keyboard.press("ArrowUp")
    assert focused(page).startswith("Neighbour 2: ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    path = neighbour(page, 2).get_attribute("alt").removeprefix("Neighbour 2: ")
    with browser.expect_page() as opened:
        page.keyboard.press("Enter")
    full = opened.value
    full.locator(f'img[alt="Picture in full: {path}"]').wait_for()
    full.close()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Surprise me").wait_for()


def test_a_hit_says_why_it_is_similar(page, gallery_address):
    page.goto(f"{gallery_address}/?picture=7")
    neighbour(page, 1).wait_for()
    settled(page)
    page.get_by_role("button", name="Why").first.click()
    page.get_by_alt_text("Heat map").nth(1).wait_for()
    settled(page)
    assert violations(page) == []
    path = neighbour(page, 1).get_attribute("alt").removeprefix("Neighbour 1: ")
    assert page.get_by_alt_text(f"Heat map: {path}").is_visible()
    page.get_by_role("button", name="Close").click()
    page.get_by_alt_text("Heat map").first.wait_for(state="hidden")
