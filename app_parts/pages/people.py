"""People and things: who is enrolled, who a picture shows, and who was seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, offer
from app_parts.frame import framed
from app_parts.people.attendance_log import show_unknown, show_visits
from app_parts.people.enrolling import offer_removal, show_enroll, show_report
from app_parts.people.identifying import show_identify
from app_parts.picture_files import path_of
from app_parts.tiles import file_tile, literal, plain, show_tile, start_tiles
from search.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.elements.lib.mutable_tab_container import TabContainer

    from app_parts.address import Address
    from app_parts.picture_files import PictureFile
    from app_parts.shared_index import SharedIndex
    from search.recognition.identities import Identity

TABS = ["Identify", "Enrolled", "Enroll", "Attendance", "Unknown"]
PAGE = 60
"""Number of identities that are shown; a search by name finds the others."""
REFERENCES = 3
"""Number of reference pictures of an identity that are shown."""


def show(opened: SharedIndex, address: Address) -> None:
    """Show the parts of the page as tabs: identify, enrolled, enroll, visits, unknown."""
    st.title("People and things", anchor=False)
    identities = opened.engine.identities()
    number = "1 identity is" if len(identities) == 1 else f"{len(identities):,} identities are"
    st.markdown(
        "Who or what does a picture show? "
        + (f"{number} enrolled by reference pictures; everything else is unknown." if identities else "")
    )
    problem = st.session_state.pop("people_problem", "")
    if problem:
        st.error(literal(problem))
    show_report()
    identify, enrolled, enroll, visits, unknown = choose_tab(address)
    with identify:
        if identities:
            show_identify(opened, address)
        else:
            st.info("No identity is enrolled yet. Enroll the first one on the tab Enroll, then identify pictures here.")
    with enrolled:
        show_identities(opened, identities)
    with enroll:
        show_enroll(opened)
    with visits:
        show_visits()
    with unknown:
        show_unknown(opened)


def choose_tab(address: Address) -> Sequence[TabContainer]:
    """Show the tabs, of which the address names the open one."""
    asked = address.values.get("tab", TABS[0])
    tab = next((each for each in TABS if each.casefold() == asked.casefold()), None)
    if tab is None:
        address.complain("tab", f"in the address is not one of {', '.join(TABS)}: {TABS[0]} is shown")
    offer("tab", tab or TABS[0], TABS[0])
    return st.tabs(TABS, key="tab", on_change=change)


def show_identities(opened: SharedIndex, identities: list[Identity]) -> None:
    """Show who is enrolled, with reference pictures; files that are gone are named."""
    if not identities:
        st.info("No identity is enrolled yet: see the tab Enroll.")
        return
    part = st.text_input("Find a name", key="people-name", placeholder="Ada")
    found = [each for each in identities if part.casefold() in each.name.casefold()]
    if not found:
        st.info("No name has these letters.")
    start_tiles(file for each in found[:PAGE] for file in opened.references(each)[:REFERENCES])
    with st.grid(columns=3, min_column_width=240) as grid:
        for each in found[:PAGE]:
            with grid.cell(), st.container(border=True, gap="xsmall"):
                st.text(plain(each.name))
                st.caption(f"{counted(len(each.templates), 'reference picture')}, since {literal(each.created[:10])}")
                show_references(opened.references(each)[:REFERENCES])
                offer_removal(opened, each.name)
    if len(found) > PAGE:
        st.caption(f"and {len(found) - PAGE:,} more: find them by name")


def show_references(files: Sequence[PictureFile]) -> None:
    """Show reference pictures; a file that is gone is named."""
    with st.grid(columns=REFERENCES, min_column_width=60) as pictures:
        for file in files:
            with pictures.cell():
                if isinstance(file, Path) and not file.exists():
                    st.caption(f"the file {literal(file.name)} is gone; its embedding is kept")
                else:
                    show_tile(file_tile(file), path_of(file), "Reference picture")


if __name__ == "__main__":
    framed("people", show)
