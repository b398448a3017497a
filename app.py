"""The app: upload a picture, or pick one of the collection, and see which pictures look most like it.

    streamlit run app.py -- --index DIR

The address of the page defines what it shows (`?picture=12&k=20&label=cat`), so that a search can be shared as a link.

Streamlit runs this file as a script on every visit, and imports it once for `app`, the server with its guard.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from app_parts.address import Address, drawn, moved
from app_parts.guard import Guard
from app_parts.pages.collection import show_collection
from app_parts.pages.neighbours import show_neighbours
from app_parts.pages.picture import show_picture
from app_parts.picking import offer_text, offer_upload, upload_key
from app_parts.searching import run_search
from app_parts.settings import show_settings
from app_parts.shared_index import opened_index
from app_parts.tiles import literal, plain
from search import IndexBusyError, QueryError, TwinlensError
from search.text import counted, megabytes

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from app_parts.shared_index import SharedIndex
    from search import IndexInfo
    from search.store.records import PictureRecord

FRESH_SECONDS = 10
"""Seconds between two checks of an open page for changes of the index."""
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="3.5">
<circle cx="12" cy="16" r="9.5" stroke="#1d6b66"/><circle cx="20" cy="16" r="9.5" stroke="#d99a4e"/></svg>"""


def show_info(info: IndexInfo) -> None:
    """Show the properties of the index."""
    recalls = [segment.recall for segment in info.segments if segment.recall is not None]
    facts = {
        "Folder": plain(info.path),
        "Pictures": f"{info.images:,}" + (f" with {counted(info.labels, 'label')}" if info.labels else ""),
        "Encoder": f"{plain(info.encoder)}, {info.dim} dimensions",
        "Structure": f"{info.kind}, {counted(len(info.segments), 'segment')}",
        "Recall@10": f"{min(recalls):.3f}, measured on this collection" if recalls else "exact search",
        "Threshold": (
            f"distance {info.calibration['threshold']:.4f} or less, calibrated on {plain(info.calibration['data'])}"
            if info.calibration
            else "not calibrated"
        ),
        "Size": megabytes(info.size),
        "Last changed": info.updated,
    }
    st.header("The index", anchor=False)
    for name, fact in facts.items():
        with st.container(gap=None):
            st.caption(name)
            st.text(fact)


def show_missing(problem: str) -> None:
    """Explain how to get an index to search."""
    st.error(problem)
    st.markdown("Build an index of a folder of pictures, then start the app with it:")
    st.code(
        "twinlens build PICTURES --index photos.index\nstreamlit run app.py -- --index photos.index", language="bash"
    )
    st.markdown("Or try the sample collection: `twinlens demo`.")


def index_folder() -> str | None:
    """The index from the command line or the environment."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--index", nargs="?")
    return parser.parse_known_args()[0].index or os.environ.get("TWINLENS_INDEX") or None


@st.fragment(run_every=FRESH_SECONDS)
def keep_fresh(opened: SharedIndex) -> None:
    """Rerun the page soon after another process changed the index, or the browser moved to another address."""
    try:
        stale = opened.engine.stale
    except TwinlensError:
        stale = True
    if stale or moved():
        st.rerun()


def show_page(opened: SharedIndex, address: Address, drop: DeltaGenerator) -> None:
    """Show what the address selects: a picture in full, the neighbours of one, or the collection."""
    full = known_picture(opened, address, "full")
    label = address.label("label", opened.labels)
    with st.sidebar:
        settings = show_settings(opened, address, label)
        show_info(opened.info)
    if full is not None:
        show_picture(full)
        return
    picked = known_picture(opened, address, "picture")
    if (picked is not None or "text" in address.values) and st.session_state.get(upload_key()) is not None:
        st.session_state.uploads += 1  # an upload clears these, so the visitor went back to the address
    upload = offer_upload(drop, opened.info)
    text = offer_text(drop, opened, address)
    if settings is None:
        return
    try:
        with st.spinner("Searching …"):
            result = run_search(opened.engine, upload, text, None if picked is None else picked.id, settings)
    except TwinlensError as error:
        st.error(literal(error), title="The search failed")
        result = None
    if result is None:
        show_collection(opened, settings.options["where"], address, label)
    else:
        calibration = opened.engine.calibration
        show_neighbours(
            result,
            len(opened.ids(settings.options["where"])),
            same_only=settings.options["same_only"],
            warning=calibration.warning if calibration is not None and calibration.weak else None,
        )


def known_picture(opened: SharedIndex, address: Address, name: str) -> PictureRecord | None:
    """The picture that a parameter of the address names; None if it names none."""
    picture_id = address.picture(name)
    if picture_id is None:
        return None
    try:
        return opened.engine.picture(picture_id)
    except QueryError:
        address.complain(name, "in the address is not a picture of this index: it may have been removed")
        return None


def main() -> None:
    """Draw the page from top to bottom; Streamlit runs it again after every click."""
    st.set_page_config("Twinlens", page_icon=LOGO, layout="wide")
    st.session_state.setdefault("uploads", 0)
    head, drop = st.columns([2, 3], vertical_alignment="center", gap="large")
    head.title("Twinlens", anchor=False)
    folder = index_folder()
    if folder is None:
        show_missing("No index was given.")
        return
    try:
        opened = opened_index(os.fsencode(folder))
    except IndexBusyError as error:
        st.warning(literal(error))
        st.button("Try again", icon=":material/refresh:")
        return
    except TwinlensError as error:
        show_missing(literal(error))
        return
    head.markdown(f"Which of {opened.info.images:,} pictures look most like yours?")
    address, problems = Address.of_page(), st.container()
    show_page(opened, address, drop)
    address.show_problems(problems)
    drawn()
    keep_fresh(opened)


if __name__ == "__main__":
    main()
else:
    app = App(__file__, middleware=[Middleware(Guard)])
