"""Measure how soon the app shows what a visitor asked for, in a headless Chromium; write the figures as Markdown.

    python -m benchmarks.app_speed --out docs/results/app_speed.md

The collection is `data/sample`, with the default encoder. The server is warm: it has answered one search. Times run
from the request or the click to the moment when the browser shows all that belongs to the answer.

- first page, new visitor: an empty browser cache, until the field, the uploader and a page of pictures are shown
- first page, again: the same in a new tab of the same browser
- other pages: from the address to their title and content, in the same browser
- upload: from the choice of a file to the first neighbour; `all`: to all ten with their thumbnails
- more like this: from the click to the new neighbours
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from PIL import Image

import indexer
from benchmarks.app_collection import SAMPLE
from search.config import BuildConfig
from search.text import utc_today
from tests.app.browser import chromium, neighbour, served, settled, upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

GOALS = {"first page, new visitor": 3.0, "upload": 1.0, "more like this": 0.5}
"""What is measured -> seconds that it should take at most, on two cores."""
PAGES = ("map", "compare", "duplicates", "people", "index")


def usable(page: Page, address: str) -> None:
    """Open the search page, and wait for everything on it."""
    page.goto(address)
    page.get_by_role("button", name="Surprise me").wait_for()
    settled(page)


def changed(page: Page, act: Callable[[], object]) -> None:
    """Act, and wait until the first neighbour is another."""
    before = neighbour(page, 1).get_attribute("alt") if neighbour(page, 1).count() else None
    act()
    page.wait_for_function(
        """before => { const first = document.querySelector('img[alt^="Neighbour 1: "]');
        return first && first.alt !== before && first.complete; }""",
        arg=before,
    )


def seconds(act: Callable[[], object]) -> float:
    """Time of one act."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def altered(name: str) -> bytes:
    """A picture that the index does not hold, as a camera would upload it: mirrored, 2,000 pixels wide."""
    with Image.open(SAMPLE / name) as image:
        data = io.BytesIO()
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((2000, 2000)).save(data, "JPEG", quality=90)
    return data.getvalue()


def measured(address: str, runs: int) -> dict[str, list[float]]:
    """Seconds of each run of each act."""
    took: dict[str, list[float]] = {}
    things = sorted(each.name for each in SAMPLE.iterdir() if each.is_dir())
    for run in range(runs):
        with chromium() as browser:
            page = browser.new_page()
            took.setdefault("first page, new visitor", []).append(seconds(partial(usable, page, address)))
            page.close()
            page = browser.new_page()
            took.setdefault("first page, again", []).append(seconds(partial(usable, page, address)))
            data = altered(f"{things[(run + 1) * 7 % len(things)]}/02.jpg")

            def ask(page: Page = page, data: bytes = data) -> None:
                changed(page, lambda: upload(page, "photo.jpg", data))

            begun = time.perf_counter()
            took.setdefault("upload", []).append(seconds(ask))
            settled(page)
            took.setdefault("upload, all", []).append(time.perf_counter() - begun)

            def like(page: Page = page) -> None:
                page.get_by_role("button", name="More").first.click()
                page.get_by_role("button", name="Reset").wait_for()
                page.wait_for_function("document.querySelectorAll('[data-stale=true]').length === 0")

            took.setdefault("more like this", []).append(seconds(like))
            page.close()
            for name in PAGES:
                page = browser.new_page()

                def go(page: Page = page, name: str = name) -> None:
                    page.goto(f"{address}/{name}")
                    page.get_by_role("heading", level=1).wait_for()
                    settled(page)

                took.setdefault(f"page {name}", []).append(seconds(go))
                page.close()
    return took


def page_of(took: dict[str, list[float]], runs: int) -> str:
    """The figures as Markdown."""
    lines = [
        "# How soon the app answers",
        "",
        f"Written by `python -m benchmarks.app_speed` on {utc_today()}, {os.cpu_count()} cores for the server and"
        f" Chromium together, load {os.getloadavg()[0]:.1f}. Seconds in a warm server, {runs} runs;"
        f" {len(list(SAMPLE.glob('*/*.jpg')))} pictures.",
        "",
        "| what | goal | median | longest |",
        "|---|---:|---:|---:|",
    ]
    for name, values in took.items():
        goal = f"{GOALS[name]:g}" if name in GOALS else ""
        lines.append(f"| {name} | {goal} | {median(values):.2f} | {max(values):.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Build the index, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--index", type=Path, help="an index of data/sample that exists; made by default")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = given.index or Path(folder) / "sample.index"
        if given.index is None:
            indexer.build(SAMPLE, index, BuildConfig())
        with served(index, Path(folder)) as address:
            measured(address, 1)  # warms the server
            page = page_of(measured(address, given.runs), given.runs)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
