"""Run the app in its own process, and look at it in a headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]
"""The `pytestmark` of a file whose tests drive a browser."""
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""Flags of a browser with a camera that shows a test pattern, which pages may use without asking."""
START_SECONDS = 90
Look: TypeAlias = tuple[int, Literal["light", "dark"]]
"""Width of a page, and its theme."""
LOOKS: Final[tuple[Look, ...]] = ((1440, "light"), (390, "dark"))
OTHER_LOOKS: Final[tuple[Look, ...]] = ((1440, "dark"), (768, "light"), (768, "dark"), (390, "light"))
WAIT_MS = 60_000
"""Longest wait for anything in the page; a busy machine is slow."""


OPEN_MS = 6_000
"""Longest wait for the list of a selectbox."""
CONTACTS = Path(__file__).parent / "contacts"
"""Folder with code that makes Python log every attempt to reach another machine."""


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command_of(index: Path | None, port: int, *options: str) -> list[str]:
    """The command from the README, with options of Streamlit."""
    run = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    return [*run, *options, "--", *([] if index is None else ["--index", str(index)])]


def guarded(home: Path) -> dict[str, str]:
    """An environment in which Python logs each contact with another machine in `contacts.log`, and refuses it."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("STREAMLIT_", "TWINLENS_"))}
    path = os.pathsep.join(filter(None, [str(CONTACTS), settings.get("PYTHONPATH")]))
    return {**settings, "HOME": str(home), "PYTHONPATH": path, "TWINLENS_CONTACTS": str(home / "contacts.log")}


@contextmanager
def served(index: Path | None, home: Path, *options: str, command: list[str] | None = None) -> Iterator[str]:
    """Serve the app on a free port with only the repository's configuration; yields its address.

    It may not contact another machine: an attempt fails the test that uses it.
    """
    port = free_port()
    command = command or command_of(index, port, *options)
    port = int(command[command.index("--server.port") + 1])
    log, contacts = home / "server.log", home / "contacts.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=guarded(home), stdout=output, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, server, log)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    assert not contacts.exists(), f"the app contacted other machines:\n{contacts.read_text()}"


@contextmanager
def chromium(*flags: str) -> Iterator[BrowserContext]:
    """Start a browser with a fresh profile; its pages have the size of a small laptop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
            context.set_default_timeout(WAIT_MS)
            yield context
        finally:
            browser.close()


@contextmanager
def watched(page: Page) -> Iterator[Page]:
    """Close the page at the end, and fail if it asked another server, showed a traceback, or a script of it failed."""
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
    assert not errors
    assert page.get_by_text("Traceback").count() == 0
    page.close()


def settled(page: Page) -> None:
    """Wait until the run whose first results the page shows has ended, and every widget and picture is loaded.

    To be called once something that only this run shows is there: a click is not a run yet. A busy browser shows the
    end of a run while it still loads the code of widgets; placeholders stand for these, and for pending thumbnails.
    """
    page.wait_for_function(
        """document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
        && !document.querySelector("[data-stale=true], [data-testid=stSkeleton]")
        && [...document.images].every(image => image.complete && image.naturalWidth)"""
    )


def violations(page: Page) -> list[tuple[str, str, list[str]]]:
    """Rule, impact and elements of each violation of the rules of axe-core, except one inside Streamlit's uploader."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(  # colours that still change have less contrast; to wait for them can last for ever
        "document.getAnimations().filter(each => each instanceof CSSTransition).forEach(each => each.finish())"
    )
    return [
        (each["id"], each["impact"], [node["html"] for node in each["nodes"]])
        for each in Axe().run(page).response["violations"]
        if each["id"] != "presentation-role-conflict"
    ]


def looks_sound(page: Page, looks: Sequence[Look]) -> None:
    """Check that a page has no `violations`, and that nothing sticks out at its side."""
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if page.get_by_test_id("stApp").count():
            settled(page)
        found = violations(page)
        assert not found, (page.url, width, scheme, found)
        assert fits(page), (page.url, width, scheme)


def fits(page: Page) -> bool:
    """Whether nothing sticks out of the page at its side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def choose(page: Page, box: Locator, option: str | re.Pattern[str]) -> None:
    """Choose an option of a selectbox. Its list is opened again if a run that ended meanwhile closed it."""
    from playwright.sync_api import TimeoutError as LateError

    wanted = page.get_by_role("option", name=option)
    for _ in range(WAIT_MS // OPEN_MS):
        settled(page)
        box.click()
        try:
            wanted.click(timeout=OPEN_MS)
        except LateError:
            page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"the list has no option {option}")


def upload(page: Page, name: str, data: bytes) -> None:
    """Upload a picture on the search page."""
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": data}
    )


def neighbour(page: Page, rank: int) -> Locator:
    """The picture at a rank; its description ends with its path."""
    return page.locator(f'img[alt^="Neighbour {rank}: "]')


def query(page: Page) -> Locator:
    """The picture that is searched with."""
    return page.locator('img[alt^="Query: "]')


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with direct.open(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not start:\n{log.read_text(errors='replace')}")
