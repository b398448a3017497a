"""Save the screenshot for the README: `python -m tests.app.screenshot --index DIR --picture FILE --out FILE.png`."""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from tests.app.browser import chromium, served, settled

MOST_BYTES = 400 * 1024


def main() -> None:
    """Upload a picture, wait for every thumbnail, and save a screenshot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True, help="relative to the repository, as the page shows it")
    parser.add_argument("--picture", type=Path, required=True, help="what to upload")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--height", type=int, default=900)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        served(given.index, Path(home)) as address,
        chromium(height=given.height) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{address}/?picture=1")  # so that the times shown are not those of the first search of a process
        page.locator('img[alt^="Neighbour 1: "]').wait_for()
        page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(given.picture)
        page.get_by_text("uploaded").wait_for()
        page.locator('img[alt^="Neighbour 1: "]').wait_for()
        settled(page)
        shown = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    shown.convert("RGB").quantize(256).save(given.out, optimize=True)  # a third of the bytes of full colour
    size = given.out.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{given.out}: {size:,} bytes, more than {MOST_BYTES:,}: take a smaller --height")


if __name__ == "__main__":
    main()
