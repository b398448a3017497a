"""Duplicates: groups of copies side by side, and a decision for each file. Nothing is deleted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, choose, offer
from app_parts.duplicates.background import known_search, start_search, starts_by_itself
from app_parts.duplicates.decisions import Decisions, decided
from app_parts.duplicates.exporting import offer_exports
from app_parts.duplicates.groups import MOST_CARDS, show_group
from app_parts.frame import framed
from app_parts.remedies import show_command
from app_parts.search.collection import show_pages
from app_parts.search.settings import choose_filter
from app_parts.tiles import literal, plain, start_tiles
from indexer.duplicates.html_page import how_text
from search.config import DuplicatesConfig
from search.filters.language import all_of, parse_where
from search.query.copy_threshold import copy_threshold
from search.text import counted, megabytes

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.duplicates.background import DuplicateSearch, Found
    from app_parts.shared_index import SharedIndex

GROUPS = 8
"""Number of groups per page."""


def show(opened: SharedIndex, address: Address) -> None:
    """Show the groups of copies, or the progress of the search for them."""
    st.title("Duplicates", anchor=False)
    st.markdown("Groups of copies, side by side. You decide which files stay; nothing is deleted here.")
    if opened.local is None:
        st.info("Copies are found by comparing files, which a service does not offer. The command finds them.")
        show_command(opened, f"twinlens duplicates {shlex.quote(plain(opened.info.path))}")
        return
    with st.sidebar:
        config = show_options(opened, address)
    if not opened.info.images:
        st.info("The collection has no pictures, so there are no copies.")
        return
    if config is None:
        st.button("Remove the filter", icon=":material/filter_alt_off:", on_click=change, kwargs={"where": None})
        return
    search = known_search(opened, config)
    if search is None and starts_by_itself(opened):
        search = start_search(opened, config)
    if search is None:
        st.markdown(f"Comparing {counted(opened.info.images, 'picture')} takes minutes, in the background.")
        st.button("Find duplicates", on_click=restart, args=(opened, config))
    elif not search.over.is_set():
        wait_for(search)
    elif search.found is None:
        st.error(literal(search.problem))
        st.button("Try again", icon=":material/refresh:", on_click=restart, args=(opened, config))
    else:
        show_found(opened, search.found, address, config)


def restart(opened: SharedIndex, config: DuplicatesConfig) -> None:
    """Start to search for duplicates in the background."""
    start_search(opened, config)


def show_options(opened: SharedIndex, address: Address) -> DuplicatesConfig | None:
    """Let the visitor choose what counts as a copy, and which copy stays; None if the filter is invalid."""
    offer("exact", address.switch("exact", False), False)
    exact = st.toggle("Only files with the same bytes", key="exact", on_change=choose)
    default = round(copy_threshold(opened.calibration, opened.cut_points).distance, 4)
    threshold = round(address.decimal("threshold", 0, 2, default), 4)
    offer("threshold", threshold, default)
    st.number_input(
        "Largest distance between copies",
        0.0,
        2.0,
        step=0.01,
        format="%.4f",
        key="threshold",
        on_change=choose,
        disabled=exact,
        help="The default is that of `twinlens duplicates`. A larger distance finds more look-alikes. They stay unless "
        "you drop them: only verified copies are proposed to be dropped.",
    )
    keep = address.values.get("keep", DuplicatesConfig.keep)
    if keep not in ("best", "first"):
        address.complain("keep", "in the address is neither best nor first: best is used")
        keep = DuplicatesConfig.keep
    offer("keep", keep, DuplicatesConfig.keep)
    st.selectbox(
        "Which copy stays",
        ["best", "first"],
        key="keep",
        on_change=choose,
        format_func={"best": "The best", "first": "The first indexed"}.__getitem__,
        help="The best has the most pixels, then the most bytes, then is sharpest, then oldest.",
    )
    offer("every", address.switch("every", False), False)
    every = st.toggle(
        "Compare every pair",
        key="every",
        on_change=choose,
        disabled=exact,
        help="Misses no copy, and takes longer in a large collection. Up to 20,000 pictures, every pair is compared.",
    )
    where = choose_filter(opened, address, address.label("label", opened.labels))
    if where is None:
        return None
    return DuplicatesConfig(
        threshold=None if exact or threshold == default else threshold,
        exact_only=exact,
        exhaustive=every and not exact,
        where=all_of([parse_where(each) for each in where]),
        keep="first" if keep == "first" else "best",
    )


@st.fragment(run_every=1.0)
def wait_for(search: DuplicateSearch) -> None:
    """Show the progress of a search, until the page can show its result."""
    search.ask()
    if search.over.is_set():
        st.rerun()
    share = min(1.0, search.done / search.total) if search.total else 0.0
    of = f": {search.done:,} of {search.total:,}" if search.total else ""
    st.progress(share, text=f"{search.stage}{of} …")
    st.caption("The search runs in the background. Other pages can be used meanwhile.")


def show_found(opened: SharedIndex, found: Found, address: Address, config: DuplicatesConfig) -> None:
    """Show the figures, the exports, and a page of groups."""
    made = decisions(opened)
    groups = found.report.groups
    if not groups:
        st.info(f"No copies were found among {counted(found.report.pictures, 'picture')}.")
        st.markdown("A larger distance finds pictures that are altered more, or only look alike.")
        st.caption(how_text(found.report))
        return
    choices = [decided(*both, made.own) for both in zip(groups, found.choices, strict=True)]
    spare = [member for choice in choices for member in choice.spare]
    figures = {
        "groups": f"{len(groups):,}",
        "pictures in them": f"{found.report.members:,}",
        "files to drop": f"{len(spare):,}",
        "space to reclaim": megabytes(sum(member.bytes for member in spare)),
    }
    with st.grid(columns=4, min_column_width=120) as grid:
        for name, value in figures.items():
            with grid.cell(), st.container(gap=None):
                st.caption(name)
                st.text(value)
    with st.container(horizontal=True, vertical_alignment="center"):
        offer_exports(found, made.own)
        st.button("Undo", icon=":material/undo:", on_click=made.undo, disabled=not made.can_undo)
        own = sum(member.id in made.own for group in groups for member in group.members)
        if own:
            st.caption(f"{counted(own, 'file')} decided by you; download the list before you close this page")
    st.caption(how_text(found.report))
    top = st.container()
    page = show_pages(-(-len(groups) // GROUPS), "duplicates", address)
    places = range((page - 1) * GROUPS, min(page * GROUPS, len(groups)))
    start_tiles(member.path for place in places for member in groups[place].members[:MOST_CARDS])
    with top:
        for place in places:
            show_group(place + 1, groups[place], found.choices[place], choices[place], made, config.keep)


def decisions(opened: SharedIndex) -> Decisions:
    """The decisions of this visit about this index."""
    known: dict[str, Decisions] = st.session_state.setdefault("duplicate_decisions", {})
    return known.setdefault(str(opened.info.path), Decisions())


if __name__ == "__main__":
    framed("duplicates", show)
