"""The map of an index as a page: its content, and its behaviour in a browser."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from indexer.plots.grid import Grid
from indexer.plots.map_page import map_page
from search.store.records import PictureRecord
from tests.app.browser import CHROMIUM, chromium

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "a & b &lt; c",
    "two\nlines",
    "<!--",
    None,
    "\udcff not UTF-8",
]


def page_of(labels: list[str | None]) -> str:
    records = [
        PictureRecord(n + 1, Path(f"/pictures/{n:02d} {label}.jpg"), f"{n:040x}", 1, 1, 1, 1, label, 1, n)
        for n, label in enumerate(labels)
    ]
    squares = np.random.default_rng(0).integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
    cells = np.array([(n % 4, n // 4) for n in range(len(labels))])
    return map_page(squares, Grid(4, 1 + len(labels) // 4, cells), records, "about <this>")


class Elements(HTMLParser):
    """Every element that a page opens, with its attributes, and the text of its buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "button":
            self.texts.append(data)


def test_names_are_escaped() -> None:
    page = page_of(HOSTILE)
    page.encode("utf-8")
    elements = Elements()
    elements.feed(page)
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 1
    pictures = [attributes for tag, attributes in elements.found if tag == "img"]
    assert len(pictures) == len(HOSTILE)
    assert all(str(attributes["src"]).startswith("data:image/jpeg;base64,") for attributes in pictures)
    allowed = {"src", "alt", "role", "tabindex", "style", "data-caption", "data-label"}
    assert all(attributes.keys() == allowed for attributes in pictures)
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    assert str(pictures[0]["data-caption"]).endswith(f"\n{HOSTILE[0]}")
    assert any(text == f"{HOSTILE[1]} (1)" for text in elements.texts)


def test_the_policy_allows_only_the_script_of_the_page() -> None:
    page = page_of(HOSTILE)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]  # type: ignore[index]
    script = re.search(r"<script>(.*?)</script></body>", page, re.DOTALL)[1]  # type: ignore[index]
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{known}'" in policy
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_in_a_browser(tmp_path: Path) -> None:
    labels = ["cat", "dog", "cat", "</script><b>x", None, "dog", "cat", "bird"]
    (tmp_path / "map.html").write_text(page_of(labels), encoding="utf-8")
    with chromium() as browser:
        page, asked, wrong = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: wrong.append("an alert"))
        page.goto((tmp_path / "map.html").as_uri())
        plane, main = page.locator("#plane"), page.locator("main")

        def zoomed() -> tuple[float, float, float]:
            x, y, scale = re.findall(r"-?[\d.]+(?:e-?\d+)?", plane.get_attribute("style") or "")
            return float(x), float(y), float(scale)

        def clear() -> int:
            return page.locator("#plane img:not(.dim):not(.away)").count()

        x, y, scale = zoomed()
        box = main.bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 200)
        page.mouse.wheel(0, -600)
        page.wait_for_function(
            "scale => !document.querySelector('#plane').style.transform.includes(scale)", arg=f"({scale})"
        )
        nx, ny, nscale = zoomed()
        assert nscale > scale
        assert (300 - nx) / nscale == pytest.approx((300 - x) / scale, abs=0.5), "what is under the pointer stays there"
        assert (200 - ny) / nscale == pytest.approx((200 - y) / scale, abs=0.5)

        page.mouse.down()
        page.mouse.move(box["x"] + 340, box["y"] + 170, steps=4)
        page.mouse.up()
        assert zoomed() == pytest.approx((nx + 40, ny - 30, nscale), abs=0.5)
        assert page.locator("dialog[open]").count() == 0, "a drag is no click"

        page.get_by_role("button", name="Reset").click()
        assert zoomed() == pytest.approx((x, y, scale))
        page.keyboard.press("/")
        page.keyboard.type("DOG")
        assert (clear(), page.locator("#found").inner_text()) == (2, "2 of 8 pictures")
        page.locator("#search").fill("/pictures/03")
        assert clear() == 1
        page.locator("#search").fill("")
        page.get_by_role("button", name="cat (3)").click()
        assert clear() == 3
        page.get_by_label("Show cat").uncheck()
        assert clear() == 0
        page.get_by_role("button", name="Reset").click()
        assert clear() == 8

        page.locator("#plane img").nth(3).hover()
        assert page.locator("#caption").inner_text().splitlines()[1] == "</script><b>x"
        page.locator("#plane img").nth(3).click()
        page.locator("dialog[open]").wait_for()
        assert page.locator("#label").inner_text() == "</script><b>x"
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        page.locator("dialog[open]").wait_for()
        assert page.locator("#path").inner_text().startswith("/pictures/02")
        page.get_by_role("button", name="Close").click()
        assert page.locator("dialog[open]").count() == 0
        assert wrong == []
        assert [url for url in asked if not url.startswith("data:")] == [(tmp_path / "map.html").as_uri()]
