"""Measure the map of the app with many points in a headless Chromium; write the figures as Markdown.

    python -m benchmarks.map_points --out docs/results/map_points.md

Positions are normal around twenty centres. Chromium draws with the processor, as without a graphics card. The first
page includes the read of the map by the server. A drawing is one call of `paint`; a step of the wheel or of a drag
ends with the next frame that the browser shows.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.mapped_index import mapped_index
from search.text import utc_today
from tests.app.browser import chromium, served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from search.types import Floats

COUNTS = (1_000, 10_000, 100_000)
STEPS = 20
CENTRES = 20
_FRAME = (
    """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""
)


def positions(count: int) -> Floats:
    """`(count, 2)`: clouds of different sizes."""
    rng = np.random.default_rng(0)
    centres, sizes = rng.uniform(-1, 1, (CENTRES, 2)), rng.uniform(0.03, 0.12, CENTRES)
    own = rng.integers(0, CENTRES, count)
    return (centres[own] + rng.normal(size=(count, 2)) * sizes[own, None]).astype(np.float32)


def milliseconds_of_steps(page: Page, act: str) -> float:
    """Median time from a step of the wheel or of a drag to the frame that shows it."""
    box = page.locator("canvas.points").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    if act == "drag":
        page.get_by_role("button", name="Move").click()
        page.mouse.move(x, y)
        page.mouse.down()
    took = []
    for step in range(STEPS):
        begun = page.evaluate("performance.now()")
        if act == "drag":
            page.mouse.move(x + 5 * (step % 8), y + 3 * (step % 5))
        else:
            page.mouse.wheel(0, -40 if step % 2 else 40)
        took.append(float(page.evaluate(_FRAME)) - float(begun))
    if act == "drag":
        page.mouse.up()
    return median(took)


def row_of(count: int, folder: Path) -> str:
    """Measure one size; a row of the table."""
    index = mapped_index(folder, positions(count), [])
    with served(index, folder) as address, chromium() as browser:
        page, firsts = browser.new_page(), []
        for _ in range(2):
            begun = time.perf_counter()
            page.goto(f"{address}/map")
            page.locator(".plane[data-paint-ms]").wait_for()
            firsts.append(time.perf_counter() - begun)
        settled(page)
        painted = float(page.locator(".plane").get_attribute("data-paint-ms") or "nan")
        wheel, drag = (milliseconds_of_steps(page, act) for act in ("wheel", "drag"))
    return f"| {count:,} | {firsts[0]:.1f} s | {firsts[1]:.1f} s | {painted:.0f} ms | {wheel:.0f} ms | {drag:.0f} ms |"


def main() -> None:
    """Measure each size, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = [
        "# The map in the browser",
        "",
        f"Written by `python -m benchmarks.map_points` on {utc_today()}, {os.cpu_count()} cores for the server and"
        f" Chromium together, load {os.getloadavg()[0]:.1f}. Points of {CENTRES} clouds, drawn by the processor;"
        f" medians of {STEPS} steps.",
        "",
        "| points | first visit | second visit | one drawing | step of the wheel | step of a drag |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for count in given.counts:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row_of(count, Path(folder)))
            print(lines[-1], flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
