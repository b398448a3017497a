"""Take the pictures of `docs/app.md` and the README: each page of the app, with the sample collection.

    python -m benchmarks.screenshots

Makes the collection in `.cache/sample` (some minutes, because two encoders are trained), unless it is there already.
Needs Chromium (`apt-get install chromium`) and the package `playwright`.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from app_parts.sign_in_page import sign_in_page
from benchmarks.app_collection import SAMPLE, prepare
from tests.app.browser import ROOT, chromium, command_of, free_port, neighbour, served, settled, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

    from benchmarks.app_collection import AppCollection

MOST_BYTES = 1024 * 1024
"""Bytes of all pictures together."""
QUALITY = 85
"""Of the JPEG: a third of the bytes of a PNG, whose colours would be wrong if they were 256."""


def take_search(page: Page, address: str) -> None:
    """A picture that is not in the collection, and its neighbours."""
    page.goto(f"{address}/?picture=1")  # so that the times shown are not those of the first search of a process
    neighbour(page, 1).wait_for()
    with Image.open(SAMPLE / "lighthouse" / "06.jpg") as image:
        data = io.BytesIO()
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data, "JPEG")
    upload(page, "holiday.jpg", data.getvalue())
    page.get_by_text("uploaded").wait_for()
    neighbour(page, 1).wait_for()


def take_map(page: Page, address: str) -> None:
    """A selection with the lasso."""
    page.goto(f"{address}/map")
    page.locator(".plane[data-paint-ms]").wait_for()
    settled(page)
    box = page.locator("canvas.points").bounding_box()
    assert box is not None
    middle, reach = (box["x"] + 0.36 * box["width"], box["y"] + 0.35 * box["height"]), 0.17 * box["height"]
    turns = [2 * math.pi * step / 24 for step in range(25)]
    path = [(middle[0] + 1.3 * reach * math.cos(turn), middle[1] + reach * math.sin(turn)) for turn in turns]
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place)
    page.mouse.up()
    page.get_by_role("heading", name="selected").wait_for()


def take_compare(page: Page, address: str) -> None:
    """Two views of one thing, and the threshold."""
    a, b = (id_of(page, address, f"teapot/{view}.jpg") for view in ("00", "01"))
    page.goto(f"{address}/compare?a={a}&b={b}&why=true")
    page.get_by_alt_text("Heat map").nth(1).wait_for()


def take_duplicates(page: Page, address: str) -> None:
    """Groups of copies."""
    page.goto(f"{address}/duplicates?threshold=0.35")
    page.get_by_role("heading", name="Group 1").wait_for()


def take_people(page: Page, address: str) -> None:
    """A thing that is enrolled, in another picture."""
    page.goto(f"{address}/people")
    page.get_by_role("tab", name="Identify").wait_for()
    page.locator("input[type=file]").first.set_input_files(SAMPLE / "teapot" / "01.jpg")
    page.get_by_role("heading", name="Identified").wait_for()


def take_index(page: Page, address: str) -> None:
    """The facts of the index, and how to change it."""
    page.goto(f"{address}/index")
    page.get_by_role("button", name="Add pictures").wait_for()


def take_training(page: Page, address: str) -> None:
    """Two runs in one chart."""
    page.goto(f"{address}/training?runs=%5B%22supcon%22%2C%22triplet%22%5D")
    page.get_by_test_id("stVegaLiteChart").wait_for()


def take_sign_in(page: Page, address: str) -> None:
    """The form for the password."""
    del address
    page.set_content(sign_in_page("/sign-in", "/"))


def id_of(page: Page, address: str, name: str) -> str:
    """The id of a picture of the collection, which its link has."""
    page.goto(f"{address}/?where=path+glob+%27*{name}%27")
    link = page.locator("a:has(img[alt^='Picture of the collection'])").first
    return str(link.get_attribute("href")).rpartition("=")[2]


SHOTS: dict[str, tuple[Callable[[Page, str], None], int, int, str]] = {
    "search": (take_search, 1280, 1250, "light"),
    "map": (take_map, 1280, 1340, "light"),
    "compare": (take_compare, 1280, 1640, "light"),
    "duplicates": (take_duplicates, 1280, 900, "light"),
    "people": (take_people, 1280, 860, "light"),
    "index": (take_index, 1280, 1000, "light"),
    "training": (take_training, 1280, 800, "light"),
    "sign_in": (take_sign_in, 640, 420, "light"),
    "phone": (take_search, 390, 1420, "dark"),
}
"""Name of the picture -> how to get there, width and height of the page, and its theme."""


@contextmanager
def app(made: AppCollection, home: Path) -> Iterator[str]:
    """Serve the collection from the root of the repository, so that the pages show no folder of this machine."""
    index, log, runs = (Path(os.path.relpath(path, ROOT)) for path in (made.index, made.log, made.runs))
    options = ["--log", str(log), "--runs", str(runs), "--manage"]
    with served(index, home, command=[*command_of(index, free_port()), *options]) as address:
        yield address


def take(browser: BrowserContext, address: str, name: str, out: Path) -> int:
    """Take one picture; return its bytes."""
    go, width, height, scheme = SHOTS[name]
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    go(page, address)
    if name != "sign_in":
        settled(page)
    page.mouse.move(2, 2)
    shown = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    page.close()
    file = out / f"app_{name}.jpg"
    shown.convert("RGB").save(file, quality=QUALITY, subsampling=0, optimize=True)
    return file.stat().st_size


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHOTS)}; all by default")
    parser.add_argument("--collection", type=Path, default=ROOT / ".cache" / "sample")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    made = prepare(given.collection)
    with tempfile.TemporaryDirectory() as home, app(made, Path(home)) as address, chromium() as browser:
        for name in given.names or SHOTS:
            print(f"{name}: {take(browser, address, name, given.out):,} bytes")
    total = sum(file.stat().st_size for file in given.out.glob("app_*.jpg"))
    if total > MOST_BYTES:
        raise SystemExit(f"all pictures: {total:,} bytes, more than {MOST_BYTES:,}: take smaller ones")


if __name__ == "__main__":
    main()
