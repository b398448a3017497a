"""Thumbnails for the pages, and names from files as text without markup."""

from __future__ import annotations

import time
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from app_parts.picture_files import version_of, whole_of
from app_parts.thumbnails import QUALITY, TILE, ThumbnailFolder, Thumbnails, most_bytes, user_folder
from search import PictureError, TwinlensError
from search.pictures.thumbnails import jpeg, thumbnail
from search.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from app_parts.picture_files import PictureFile
    from search.types import Picture

FULL = 4096
"""Longest side of a full picture in pixels: a page need not show gigapixels."""
WAIT_SECONDS = 1.0
"""Longest time that a page waits for its thumbnails."""
PENDING_HEIGHT = 120
LONGEST_LINE = 60
"""Maximum length in characters of a value on a card."""
GROUNDS = {"light": "#f2f0ea", "dark": "#1f2226"}
"""Background of thumbnails that are not square: the secondary background of .streamlit/config.toml."""


def plain(text: object) -> str:
    """Make one printable line of a text with any bytes and control characters, for `st.text`."""
    return one_line(str(text))


def literal(text: object) -> str:
    """Make a code span without markup of a text from a file, for places that accept only Markdown."""
    fence = "`"
    while fence in plain(text):
        fence += "`"
    return f"{fence} {plain(text)} {fence}"


def short(text: str) -> str:
    """Shorten a text to one line of a card."""
    line = plain(text)
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"


def ground() -> str:
    """The background of thumbnails in this visitor's theme."""
    return GROUNDS.get(st.context.theme.type or "light", GROUNDS["light"])


class Tile(NamedTuple):
    """A picture as a JPEG of a `width`; with `data` None if it cannot be shown, and the reason in `problem`."""

    data: bytes | None
    width: int = 0
    problem: str = ""
    pending: bool = False
    """Whether it is still being made."""


def tile(picture: Picture, ground: str) -> Tile:
    """Fit a picture into a square without cropping."""
    try:
        return Tile(jpeg(thumbnail(picture, TILE, ground=ground), quality=QUALITY), TILE)
    except PictureError as error:
        return Tile(None, problem=error.reason)


@st.cache_resource(show_spinner=False)
def thumbnails() -> Thumbnails:
    """The thumbnails that all sessions share."""
    return Thumbnails(ThumbnailFolder(user_folder(), most_bytes()))


def start_tiles(files: Iterable[PictureFile], *, later: Iterable[PictureFile] = ()) -> None:
    """Begin to make the thumbnails of a page, and then those that are likely to be shown next.

    From here on the page waits for its thumbnails together for at most `WAIT_SECONDS`, and shows the rest when they are
    there: see `await_tiles`.
    """
    st.session_state.tiles_until = time.monotonic() + WAIT_SECONDS
    for file in files:
        with suppress(OSError, ValueError):
            thumbnails().of(file, ground())
    for file in later:
        with suppress(OSError, ValueError):
            thumbnails().of(file, ground(), later=True)


def begin_tiles() -> None:
    """Forget what an interrupted run waited for; to be called before a page is drawn."""
    st.session_state.pop("tiles_until", None)
    st.session_state.tiles_awaited = {}


def await_tiles() -> None:
    """Draw the page again once the thumbnails that it could not wait for are made; to be called at its end."""
    st.session_state.tiles_pending = st.session_state.tiles_awaited
    if st.session_state.tiles_pending:
        _poll()


@st.fragment(run_every=0.4)
def _poll() -> None:
    if all(future.done() for future in st.session_state.get("tiles_pending", {}).values()):
        st.rerun()


# Cached as a resource, so that sessions share it without copies. Failures are not cached, as they may be temporary.
@st.cache_resource(show_spinner="Reading the picture …", max_entries=8)
def cached_full(_file: PictureFile, version: tuple[object, ...]) -> Tile:
    """Read a picture at its size, or at that of a large screen; `version` is the key of the cache."""
    image = thumbnail(whole_of(_file), FULL)
    return Tile(jpeg(image, quality=92), image.width)


def file_tile(file: PictureFile, *, full: bool = False) -> Tile:
    """The thumbnail of a picture of the collection, or the full picture."""
    try:
        return cached_full(file, version_of(file)) if full else _thumbnail(file)
    except PictureError as error:
        return Tile(None, problem=error.reason)
    except (OSError, ValueError, TwinlensError) as error:  # ValueError: no file can have such a name
        return Tile(None, problem=getattr(error, "strerror", None) or str(error))


def _thumbnail(file: PictureFile) -> Tile:
    """Wait for a thumbnail, which may have to come later."""
    key = file, ground()
    before: dict[tuple[PictureFile, str], Future[bytes]] = st.session_state.get("tiles_pending", {})
    future = before.pop(key, None)
    if future is None or not future.done():  # a late failure is shown once, and then tried again
        future = thumbnails().of(file, ground())
    until = st.session_state.get("tiles_until")
    wait([future], None if until is None else max(0.0, until - time.monotonic()))
    if future.done():
        return Tile(future.result(), TILE)
    st.session_state.tiles_awaited[key] = future
    return Tile(None, pending=True)


def show_tile(shown: Tile, path: str | Path, alt: str, *, link: str | None = None) -> None:
    """Show a thumbnail, which opens `link` if there is one, or the file's name and why it cannot be shown."""
    if shown.pending:
        st.skeleton(height=PENDING_HEIGHT)
    elif shown.data is None:
        show_gone(shown, path)
    else:
        st.image(shown.data, width="stretch", alt=f"{alt}: {plain(path)}", link=link)


def show_full_tile(shown: Tile, path: Path) -> None:
    """Show a picture at its own size, at most as wide as the page."""
    if shown.data is None:
        show_gone(shown, path)
    else:
        # A width in pixels, because Streamlit scales "content" down to 1460.
        st.image(shown.data, width=shown.width, alt=f"Picture in full: {plain(path)}")


def show_gone(shown: Tile, path: str | Path) -> None:
    """Show the name of a file that cannot be shown, and the reason."""
    st.caption(f":material/hide_image: gone or unreadable: {literal(shown.problem)}")
    st.text(plain(path))
