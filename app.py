"""The app: upload a picture, or pick one of the collection, and see which pictures look most like it.

    streamlit run app.py -- --index DIR

The address of the page defines what it shows (`?picture=12&k=20&label=cat`), so that a search can be shared as a link.

Streamlit runs this file as a script on every visit, and imports it once for `app`, the server with its guard.
"""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from app_parts.address import Address, change, drawn, moved
from app_parts.asking import ask, copies_text, opened_index
from app_parts.guard import Guard
from app_parts.settings import pick_label, show_settings
from app_parts.tiles import file_tile, literal, plain, show_full_tile, show_tile
from search import IndexBusyError, QueryError, TwinlensError
from search.encoders.foreign import is_foreign
from search.query.nearest_values import NOTHING_SAME
from search.text import megabytes

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.asking import SearchResult, SharedIndex
    from search import Hit, IndexInfo
    from search.query.query import Where
    from search.store.records import PictureRecord

MOST_COPIES = 20
"""Maximum number of copies of one hit that are listed."""
PAGE = 32
"""Number of pictures of the collection per page."""
SHOWN_VALUES = 4
"""Number of metadata columns on a card; further ones are collapsed."""
LONGEST_LINE = 60
"""Maximum length in characters of a value on a card."""
FRESH_SECONDS = 10
"""Seconds between two checks of an open page for changes of the index."""
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="3.5">
<circle cx="12" cy="16" r="9.5" stroke="#1d6b66"/><circle cx="20" cy="16" r="9.5" stroke="#d99a4e"/></svg>"""


# Parts of the page ----------------------------------------------------------------------------------------------------


def pick(picture_id: int | None) -> None:
    """Search with a picture of the collection, or with none; an upload is discarded."""
    change(picture=None if picture_id is None else str(picture_id), full=None)
    st.session_state.uploads += 1  # a new key creates a new, empty uploader


def clear_pick() -> None:
    """Clear the picked picture."""
    change(picture=None)


def full_link(picture_id: int) -> str:
    """The address of the page that shows one picture of the collection in full."""
    return f"?full={picture_id}"


def show_answer(result: SearchResult, among: int, *, same_only: bool) -> None:
    """Show the query with its facts, and its neighbours among `among` pictures."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=140):
            show_tile(result.tile, result.name, "Query", link=None if result.id is None else full_link(result.id))
        with st.container(width="stretch", gap="xsmall"):
            st.header("Your picture", anchor=False)
            st.text(plain(result.name))
            st.text(" · ".join(map(plain, result.facts)))
            st.caption(" · ".join(f"{step} {1000 * took:.1f} ms" for step, took in result.seconds.items()))
        st.button("Back to the collection", icon=":material/arrow_back:", on_click=pick, args=(None,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.header("Neighbours", anchor=False, width="content")
        if result.hits:
            st.caption(
                f"{len(result.hits)} of {among:,} pictures, the nearest at distance {result.hits[0].distance:.4f}"
            )
        else:
            st.caption(NOTHING_SAME if same_only else "no other picture matches the filters")
    with st.grid(columns=5, min_column_width=140) as grid:
        for rank, hit in enumerate(result.hits, 1):
            with grid.cell(), st.container(gap="xxsmall"):
                show_hit(rank, hit)


def show_hit(rank: int, hit: Hit) -> None:
    """Show a hit as a card."""
    show_tile(file_tile(hit.path), hit.path, f"Neighbour {rank}", link=full_link(hit.id))
    st.text(f"{rank}. {plain(hit.label or hit.path.name)}")
    chance = "" if hit.probability is None else f"  \nprobability {hit.probability:.3f}"
    st.caption(f"distance {hit.distance:.4f}  \nsimilarity {hit.similarity:.4f}{chance}")
    if hit.copies:
        with st.popover(copies_text(hit), width="stretch"):
            for copy in hit.copies[:MOST_COPIES]:
                st.text(plain(copy.path))
            if len(hit.copies) > MOST_COPIES:
                st.caption(f"and {len(hit.copies) - MOST_COPIES:,} more")
    st.caption(literal(Path(*hit.path.parts[-2:])))
    show_metadata(hit)
    st.button("Find similar", key=f"from-{hit.id}", on_click=pick, args=(hit.id,), width="stretch")


def show_metadata(hit: Hit) -> None:
    """Show the metadata of a hit, one line per column."""
    metadata = hit.to_dict()["metadata"]
    lines = [
        short(f"{name}: {str(value).lower() if isinstance(value, bool) else value}") for name, value in metadata.items()
    ]
    if lines:
        st.text("\n".join(lines[:SHOWN_VALUES]))
    if lines[SHOWN_VALUES:]:
        with st.expander(f"{len(lines) - SHOWN_VALUES} more"):
            st.text("\n".join(lines[SHOWN_VALUES:]))


def short(text: str) -> str:
    """Shorten a text to one line of a card."""
    line = plain(text)
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"


def show_collection(opened: SharedIndex, where: Where | None, address: Address, label: str) -> None:
    """Show a page of the pictures that match the filters, to pick from."""
    ids = opened.ids(where)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Or pick from the collection", anchor=False, width="stretch")
        pick_label("Show", opened, label, key="shown", label_visibility="collapsed", width=220)
        if ids:
            st.button("Surprise me", icon=":material/casino:", on_click=pick, args=(random.choice(ids),))
    if not ids:
        st.info("No picture matches the filters." if opened.info.images else "The collection has no pictures.")
        return
    grid = st.grid(columns=8, min_column_width=85)
    page = show_pages(-(-len(ids) // PAGE), where, address)
    for picture_id in ids[(page - 1) * PAGE : page * PAGE]:
        path = opened.engine.picture(picture_id).path
        with grid.cell(), st.container(gap="xxsmall"):
            show_tile(file_tile(path), path, "Picture of the collection", link=full_link(picture_id))
            st.button(
                "Search", key=f"pick-{picture_id}", type="tertiary", on_click=pick, args=(picture_id,), width="stretch"
            )


def show_pages(pages: int, where: Where | None, address: Address) -> int:
    """Show the page numbers of the collection, and return the current page."""
    page, key = address.number("page", 1, pages, 1), f"page-{where!a}"  # another filter gets its own widget
    st.session_state.page_key = key
    if pages > 1:
        if st.session_state.get(key) != page:
            st.session_state[key] = page
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=key, on_change=turn_page, args=(key,))
    return page


def turn_page(key: str) -> None:
    """Put the chosen page into the address.

    A browser that does not show the newest page yet sends the widgets of the previous one, whose page numbers are for
    other pictures.
    """
    if key != st.session_state.page_key:
        change()
        return
    page = st.session_state[key]
    change(page=None if page == 1 else str(page))


def show_full(record: PictureRecord) -> None:
    """Show one picture of the collection at full size."""
    st.header(short(record.path.name), anchor=False)
    size = f"{record.width} × {record.height} pixels"
    st.text(" · ".join([f"picture {record.id}", plain(record.label or "no label"), size]))
    show_full_tile(file_tile(record.path, full=True), record.path)
    with st.container(horizontal=True):
        st.button("Find similar", icon=":material/search:", on_click=pick, args=(record.id,))
        st.button("Back to the collection", icon=":material/arrow_back:", on_click=pick, args=(None,))


def show_info(info: IndexInfo) -> None:
    """Show the properties of the index."""
    recalls = [segment.recall for segment in info.segments if segment.recall is not None]
    facts = {
        "Folder": plain(info.path),
        "Pictures": f"{info.images:,}" + (f" with {info.labels:,} labels" if info.labels else ""),
        "Encoder": f"{plain(info.encoder)}, {info.dim} dimensions",
        "Structure": f"{info.kind}, {len(info.segments)} segment" + "s" * (len(info.segments) != 1),
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


def upload_key() -> str:
    """The uploader's key; a new one makes a new, empty uploader."""
    return f"upload-{st.session_state.uploads}"


def offer_upload(place: DeltaGenerator, info: IndexInfo) -> UploadedFile | None:
    """Show the uploader, or explain why no picture can be embedded."""
    if is_foreign(info.fingerprint):
        place.info(
            f"The vectors of this index were made elsewhere, by {literal(info.encoder)}: an uploaded picture cannot be"
            " compared with them. Search with a picture of the collection."
        )
        return None
    return place.file_uploader("Upload or drop a picture", key=upload_key(), on_change=clear_pick)


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
        show_full(full)
        return
    picked = known_picture(opened, address, "picture")
    if picked is not None and st.session_state.get(upload_key()) is not None:
        st.session_state.uploads += 1  # an upload clears the picked picture, so the visitor went back to the address
    upload = offer_upload(drop, opened.info)
    if settings is None:
        return
    try:
        with st.spinner("Searching …"):
            result = ask(opened.engine, upload, None if picked is None else picked.id, settings)
    except TwinlensError as error:
        st.error(literal(error), title="The search failed")
        result = None
    if result is None:
        show_collection(opened, settings.options["where"], address, label)
    else:
        show_answer(result, len(opened.ids(settings.options["where"])), same_only=settings.options["same_only"])


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
