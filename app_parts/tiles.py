"""Thumbnails for the pages, and names from files as text without markup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from search import PictureError
from search.pictures.thumbnails import jpeg, thumbnail
from search.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Picture

TILE = 320
"""Side of a thumbnail in pixels: twice the width of a card, for high-resolution screens."""
FULL = 4096
"""Longest side of a full picture in pixels: a page need not show gigapixels."""
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


def tile(picture: Picture, ground: str) -> Tile:
    """Fit a picture into a square without cropping."""
    try:
        return Tile(jpeg(thumbnail(picture, TILE, ground=ground), quality=88), TILE)
    except PictureError as error:
        return Tile(None, problem=error.reason)


# Cached as resources, so that sessions share them without copies. Failures are not cached, as they may be temporary.
@st.cache_resource(show_spinner=False, max_entries=2_000)
def cached_thumbnail(path: bytes, changed: int, ground: str) -> bytes:
    """Make the thumbnail of a file once per modification time `changed`."""
    return jpeg(thumbnail(os.fsdecode(path), TILE, ground=ground), quality=88)


@st.cache_resource(show_spinner="Reading the picture …", max_entries=8)
def cached_full(path: bytes, changed: int) -> Tile:
    """Read a file at its size, or at that of a large screen."""
    image = thumbnail(os.fsdecode(path), FULL)
    return Tile(jpeg(image, quality=92), image.width)


def file_tile(path: Path, *, full: bool = False) -> Tile:
    """The thumbnail of a picture of the collection, or the full picture."""
    try:
        name, changed = os.fsencode(path), path.stat().st_mtime_ns
        return cached_full(name, changed) if full else Tile(cached_thumbnail(name, changed, ground()), TILE)
    except PictureError as error:
        return Tile(None, problem=error.reason)
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        return Tile(None, problem=getattr(error, "strerror", None) or str(error))


def show_tile(shown: Tile, path: str | Path, alt: str, *, link: str | None = None) -> None:
    """Show a thumbnail, which opens `link` if there is one, or the file's name and why it cannot be shown."""
    if shown.data is None:
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
