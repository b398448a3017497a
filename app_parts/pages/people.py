"""People and things: who is enrolled, who a picture shows, and who was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.frame import framed
from app_parts.people.attendance_log import show_unknown, show_visits
from app_parts.people.enrolling import offer_removal, show_enroll
from app_parts.people.identifying import show_identify
from app_parts.tiles import file_tile, literal, plain, show_tile, start_tiles
from search.text import counted

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.recognition.identities import Identity

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
        f"{number} enrolled, each by one or more reference pictures. A picture shows one of them, or a stranger."
    )
    problem = st.session_state.pop("people_problem", "")
    if problem:
        st.error(literal(problem))
    identify, enrolled, enroll, visits, unknown = st.tabs(["Identify", "Enrolled", "Enroll", "Attendance", "Unknown"])
    with identify:
        if identities:
            show_identify(opened, address)
        else:
            st.info("Nobody is enrolled yet, so nobody can be identified. Enroll the first one: see the tab Enroll.")
    with enrolled:
        show_identities(opened, identities)
    with enroll:
        show_enroll(opened)
    with visits:
        show_visits()
    with unknown:
        show_unknown()


def show_identities(opened: SharedIndex, identities: list[Identity]) -> None:
    """Show who is enrolled, with reference pictures; files that are gone are named."""
    if not identities:
        st.info("Nobody is enrolled yet.")
        return
    part = st.text_input("Find a name", key="people-name", placeholder="Ada")
    found = [each for each in identities if part.casefold() in each.name.casefold()]
    if not found:
        st.info("No name has these letters.")
    start_tiles(path for each in found[:PAGE] for path in each.templates[:REFERENCES])
    with st.grid(columns=3, min_column_width=240) as grid:
        for each in found[:PAGE]:
            with grid.cell(), st.container(border=True, gap="xsmall"):
                st.text(plain(each.name))
                st.caption(f"{counted(len(each.templates), 'reference picture')}, since {literal(each.created[:10])}")
                with st.grid(columns=REFERENCES, min_column_width=60) as pictures:
                    for path in each.templates[:REFERENCES]:
                        with pictures.cell():
                            if path.exists():
                                show_tile(file_tile(path), path, "Reference picture")
                            else:
                                st.caption(f"the file {literal(path.name)} is gone; its embedding is kept")
                offer_removal(opened, each.name)
    if len(found) > PAGE:
        st.caption(f"and {len(found) - PAGE:,} more: find them by name")


if __name__ == "__main__":
    framed("people", show)
