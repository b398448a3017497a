"""Drive the page from tests: in this process, without a browser."""

from __future__ import annotations

import io
from pathlib import Path

from streamlit.testing.v1 import AppTest

from search import open_index

APP = Path(__file__).resolve().parents[2] / "app.py"


def started(at="search", /, **query_params):
    """The page with this name in the menu."""
    page = AppTest.from_file(str(APP), default_timeout=60)
    if at != "search":
        sound(page.run()).switch_page(f"app_parts/pages/{at}.py")
    page.query_params.update(query_params)
    return sound(page.run())


def sound(page):
    """Return the page after checking that it shows no traceback."""
    assert [error.message for error in page.exception] == []
    return page


def texts(page):
    return " \n".join(
        element.value
        for element in [*page.text, *page.markdown, *page.caption, *page.error, *page.subheader, *page.title]
    )


def neighbours(page):
    """Ids of the neighbours, nearest first."""
    return [int(button.key.removeprefix("from-")) for button in page.button if (button.key or "").startswith("from-")]


def offered(page):
    """Ids of the pictures of the collection that can be picked."""
    return [int(button.key.removeprefix("pick-")) for button in page.button if (button.key or "").startswith("pick-")]


def upload(page, name, data):
    page.file_uploader[0].set_value((name, data, "application/octet-stream"))
    return sound(page.run())


def jpeg(image):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return data.getvalue()


def click(page, key):
    return sound(page.button(key=key).click().run())


def path_of(index, picture_id):
    with open_index(index) as engine:
        return engine.picture(picture_id).path
