"""What every page does around its own content: open the index, report problems, and stay fresh."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import Address, drawn, entered, moved
from app_parts.arguments import arguments
from app_parts.managing.chosen_index import index_folder
from app_parts.managing.start import show_start
from app_parts.service_problem import is_of_service, show_service_problem
from app_parts.shared_index import opened_index, opened_service
from app_parts.tiles import await_tiles, begin_tiles, literal
from search import IndexBusyError, TwinlensError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_parts.shared_index import SharedIndex

FRESH_SECONDS = 10
"""Seconds between two checks of an open page for changes of the index."""


def framed(name: str, show: Callable[[SharedIndex, Address], None]) -> None:
    """Show a page of an index, or explain why there is none; problems of the address come first."""
    entered(name)
    begin_tiles()
    opened = index_or_reason()
    if opened is None:
        return
    problems, address = st.container(), Address.of_page()
    try:
        show(opened, address)
    except TwinlensError as error:
        if opened.replaced():
            st.rerun()
        show_problem(error)
    address.show_problems(problems)
    drawn()
    await_tiles()
    keep_fresh(opened)


def show_problem(error: TwinlensError) -> None:
    """Show why a page cannot be shown."""
    if is_of_service(error):
        show_service_problem(error)
    else:
        st.error(literal(error))


def framed_alone(name: str, show: Callable[[Address], None]) -> None:
    """Show a page that needs no index."""
    entered(name)
    begin_tiles()
    problems, address = st.container(), Address.of_page()
    try:
        show(address)
    except TwinlensError as error:
        st.error(literal(error))
    address.show_problems(problems)
    drawn()


def index_or_reason() -> SharedIndex | None:
    """The index that the app was started with; None, with the reason and the remedy on the page, if there is none."""
    given = arguments()
    if given.url is not None:
        return service_or_reason(given.url, given.index_name)
    folder = index_folder()
    if folder is None:
        show_start("No index was given.")
        return None
    try:
        return opened_index(os.fsencode(folder))
    except IndexBusyError as error:
        st.warning(literal(error))
        st.button("Try again", icon=":material/refresh:")
    except TwinlensError as error:
        show_start(literal(error))
    return None


def service_or_reason(url: str, name: str | None) -> SharedIndex | None:
    """The index of a service; None, with the reason on the page, if it cannot be used now."""
    try:
        return opened_service(url, name)
    except TwinlensError as error:
        show_service_problem(error)
    return None


@st.fragment(run_every=FRESH_SECONDS)
def keep_fresh(opened: SharedIndex) -> None:
    """Rerun the page soon after another process changed the index, or the browser moved to another address."""
    try:
        stale = opened.stale
    except TwinlensError:
        stale = True
    if stale or moved():
        st.rerun()
