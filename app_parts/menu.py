"""The pages of the app, and links from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamlit.navigation.page import StreamlitPage

    from app_parts.arguments import Arguments

PAGES = Path(__file__).parent / "pages"


class Entry(NamedTuple):
    """A page in the menu: its title and icon; its name is that of its file and its address."""

    title: str
    icon: str


MENU = {
    "search": Entry("Search", ":material/search:"),
    "map": Entry("Map", ":material/scatter_plot:"),
    "compare": Entry("Compare", ":material/compare:"),
    "duplicates": Entry("Duplicates", ":material/content_copy:"),
    "people": Entry("People", ":material/groups:"),
    "index": Entry("Index", ":material/database:"),
    "training": Entry("Training", ":material/monitoring:"),
}
"""Name of a file in `app_parts/pages/` -> entry. The first is the home page, whose address is `/`."""
HOME = next(iter(MENU))


def menu(given: Arguments) -> list[StreamlitPage]:
    """The pages that this app offers."""
    offered = [name for name in MENU if name != "training" or given.runs is not None]
    return [page_of(name) for name in offered]


def page_of(name: str) -> StreamlitPage:
    """The page with a name in the menu."""
    entry = MENU[name]
    return st.Page(PAGES / f"{name}.py", title=entry.title, icon=entry.icon, url_path=name, default=name == HOME)


def go(name: str, **parameters: str) -> None:
    """Leave this run for another page, with parameters in its address."""
    st.switch_page(page_of(name), query_params=parameters)


def link(name: str, parameters: Mapping[str, object] | None = None) -> str:
    """The address of a page, relative to any other page."""
    asked = urlencode({key: str(value) for key, value in (parameters or {}).items()})
    return f"./{'' if name == HOME else name}{'?' + asked if asked else ''}"
