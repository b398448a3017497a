"""Names and pictures that come from files, made fit for a page: text that is no markup, and thumbnails."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import streamlit as st
from PIL import ImageOps

from search import PictureError
from search.cli import one_line
from search.images import load_picture

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Picture

TILE = 320
"""Side of a thumbnail in pixels: twice as much as a card is wide, for fine screens."""
GROUNDS = {"light": "#f2f0ea", "dark": "#1f2226"}
"""What surrounds a thumbnail that is not square: the secondary background of .streamlit/config.toml."""


def plain(text: object) -> str:
    """One line that a page can hold, whatever bytes and controls a file name has; to be shown by `st.text`."""
    return one_line(str(text))


def literal(text: object) -> str:
    """A code span, in which nothing is markup: for what comes from files where only Markdown is taken."""
    fence = "`"
    while fence in plain(text):
        fence += "`"
    return f"{fence} {plain(text)} {fence}"


def ground() -> str:
    """The colour around thumbnails in this visitor's theme."""
    return GROUNDS.get(st.context.theme.type or "light", GROUNDS["light"])


def thumbnail(picture: Picture, ground: str) -> bytes:
    """Fit a picture whole into a square JPEG."""
    data = io.BytesIO()
    ImageOps.pad(load_picture(picture, target=TILE), (TILE, TILE), color=ground).save(data, "JPEG", quality=88)
    return data.getvalue()


@st.cache_data(show_spinner=False, max_entries=2_000)
def cached_thumbnail(path: bytes, changed: int, ground: str) -> bytes | None:
    """Make the thumbnail of a file once for each time that it `changed`; None where it cannot be read."""
    try:
        return thumbnail(os.fsdecode(path), ground)
    except PictureError:
        return None


def file_tile(path: Path) -> bytes | None:
    """Thumbnail of a picture of the collection; None where its file is gone."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return cached_thumbnail(os.fsencode(path), changed, ground())


def show_tile(tile: bytes | None, path: str | Path, alt: str) -> None:
    """Show a thumbnail, or say which file is gone."""
    if tile is not None:
        st.image(tile, width="stretch", alt=f"{alt}: {plain(path)}")
    else:
        st.caption(":material/hide_image: gone or unreadable:")
        st.text(plain(path))
