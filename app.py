"""The app: upload a picture, or pick one of the collection, and see which pictures look most like it.

    streamlit run app.py -- --index DIR

The address of the page says what it shows (`?picture=12&k=20&label=cat`), so that a search can be sent to somebody.

Streamlit runs this file as a script for every visit, and imports it once for `app`, the server with its guard.
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

    from app_parts.asking import Asked, Opened
    from search import Hit, IndexInfo
    from search.query.query import Where
    from search.store.records import PictureRecord

MOST_COPIES = 20
"""Copies of one hit that are named."""
PAGE = 32
"""Pictures of the collection shown at once."""
SHOWN_VALUES = 4
"""Columns of metadata on a card; the others are folded away."""
LONGEST_LINE = 60
"""Characters of a value on a card."""
FRESH_SECONDS = 10
"""How often an open page looks whether the index changed."""
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="3.5">
<circle cx="12" cy="16" r="9.5" stroke="#1d6b66"/><circle cx="20" cy="16" r="9.5" stroke="#d99a4e"/></svg>"""


# Parts of the page ----------------------------------------------------------------------------------------------------


def pick(picture_id: int | None) -> None:
    """Search from a picture of the collection, or from none; an upload is let go."""
    change(picture=None if picture_id is None else str(picture_id), full=None)
    st.session_state.uploads += 1


def let_go() -> None:
    """Forget the picture that was picked."""
    change(picture=None)


def full_link(picture_id: int) -> str:
    """The address of the page that shows a picture of the collection in full."""
    return f"?full={picture_id}"


def show_answer(asked: Asked, among: int, *, same_only: bool) -> None:
    """The query beside its facts, and its neighbours among so many pictures."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=140):
            show_tile(asked.tile, asked.name, "Query", link=None if asked.id is None else full_link(asked.id))
        with st.container(width="stretch", gap="xsmall"):
            st.header("Your picture", anchor=False)
            st.text(plain(asked.name))
            st.text(" · ".join(map(plain, asked.facts)))
            st.caption(" · ".join(f"{step} {1000 * took:.1f} ms" for step, took in asked.seconds.items()))
        st.button("Back to the collection", icon=":material/arrow_back:", on_click=pick, args=(None,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.header("Neighbours", anchor=False, width="content")
        if asked.hits:
            st.caption(f"{len(asked.hits)} of {among:,} pictures, the nearest at distance {asked.hits[0].distance:.4f}")
        else:
            st.caption(NOTHING_SAME if same_only else "none: no other picture may answer")
    with st.grid(columns=5, min_column_width=140) as grid:
        for rank, hit in enumerate(asked.hits, 1):
            with grid.cell(), st.container(gap="xxsmall"):
                show_hit(rank, hit)


def show_hit(rank: int, hit: Hit) -> None:
    """One card."""
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
    st.button("Search from this", key=f"from-{hit.id}", on_click=pick, args=(hit.id,), width="stretch")


def show_metadata(hit: Hit) -> None:
    """What is known of a picture beside its looks, a line a column."""
    told = hit.to_dict()["metadata"]
    lines = [
        short(f"{name}: {str(value).lower() if isinstance(value, bool) else value}") for name, value in told.items()
    ]
    if lines:
        st.text("\n".join(lines[:SHOWN_VALUES]))
    if lines[SHOWN_VALUES:]:
        with st.expander(f"{len(lines) - SHOWN_VALUES} more"):
            st.text("\n".join(lines[SHOWN_VALUES:]))


def short(text: str) -> str:
    """One line of a card."""
    line = plain(text)
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"


def show_collection(opened: Opened, where: Where | None, address: Address, label: str) -> None:
    """A page of the pictures that the filters leave, to pick from."""
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
    """Let the visitor choose a page of the collection."""
    page, key = address.number("page", 1, pages, 1), f"page-{where!a}"  # other pictures have a widget of their own
    st.session_state.page_key = key
    if pages > 1:
        if st.session_state.get(key) != page:
            st.session_state[key] = page
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=key, on_change=turn_page, args=(key,))
    return page


def turn_page(key: str) -> None:
    """Put the page that was chosen into the address.

    A browser that does not show the newest page yet sends the widgets of the one before, whose page is of other
    pictures.
    """
    if key != st.session_state.page_key:
        change()
        return
    page = st.session_state[key]
    change(page=None if page == 1 else str(page))


def show_full(record: PictureRecord) -> None:
    """One picture of the collection, as large as it is."""
    st.header(short(record.path.name), anchor=False)
    size = f"{record.width} × {record.height} pixels"
    st.text(" · ".join([f"picture {record.id}", plain(record.label or "no label"), size]))
    show_full_tile(file_tile(record.path, full=True), record.path)
    with st.container(horizontal=True):
        st.button("Search from this", icon=":material/search:", on_click=pick, args=(record.id,))
        st.button("Back to the collection", icon=":material/arrow_back:", on_click=pick, args=(None,))


def show_info(info: IndexInfo) -> None:
    """What answers here."""
    recalls = [segment.recall for segment in info.segments if segment.recall is not None]
    facts = {
        "Folder": plain(info.path),
        "Pictures": f"{info.images:,}" + (f" with {info.labels:,} labels" if info.labels else ""),
        "Encoder": f"{plain(info.encoder)}, {info.dim} dimensions",
        "Structure": f"{info.kind}, {len(info.segments)} segment" + "s" * (len(info.segments) != 1),
        "Recall@10": f"{min(recalls):.3f}, measured on this collection" if recalls else "exact search",
        "The same": (
            f"distance {info.calibration['threshold']:.4f} or less, calibrated on {plain(info.calibration['data'])}"
            if info.calibration
            else "not calibrated"
        ),
        "Size": megabytes(info.size),
        "Last change": info.updated,
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
    """Take a picture from the visitor; where none can be embedded, say why."""
    if is_foreign(info.fingerprint):
        place.info(
            f"The vectors of this index were made elsewhere, by {literal(info.encoder)}: no other picture can be"
            " compared with them. Search from one of the collection."
        )
        return None
    return place.file_uploader("Upload or drop a picture", key=upload_key(), on_change=let_go)


def show_missing(problem: str) -> None:
    """What to do where there is no index to search."""
    st.error(problem)
    st.markdown("Make an index of a folder of pictures, then start the app on it:")
    st.code(
        "twinlens build PICTURES --index photos.index\nstreamlit run app.py -- --index photos.index", language="bash"
    )
    st.markdown("Or look at the sample collection: `twinlens demo`.")


def index_folder() -> str | None:
    """The index that the command line or the environment names."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--index", nargs="?")
    return parser.parse_known_args()[0].index or os.environ.get("TWINLENS_INDEX") or None


@st.fragment(run_every=FRESH_SECONDS)
def keep_fresh(opened: Opened) -> None:
    """Run the page again soon after another process changed the index, whose snapshot it shows.

    So too where the browser came to another address.
    """
    try:
        stale = opened.engine.stale
    except TwinlensError:
        stale = True
    if stale or moved():
        st.rerun()


def show_page(opened: Opened, address: Address, drop: DeltaGenerator) -> None:
    """What the address asks for: a picture in full, the neighbours of one, or the collection."""
    full = known_picture(opened, address, "full")
    label = address.label("label", opened.labels)
    with st.sidebar:
        wanted = show_settings(opened, address, label)
        show_info(opened.info)
    if full is not None:
        show_full(full)
        return
    picked = known_picture(opened, address, "picture")
    if picked is not None and st.session_state.get(upload_key()) is not None:
        st.session_state.uploads += 1  # an upload takes the picture out of the address: the visitor went back to it
    upload = offer_upload(drop, opened.info)
    if wanted is None:
        return
    try:
        with st.spinner("Searching …"):
            asked = ask(opened.engine, upload, None if picked is None else picked.id, wanted)
    except TwinlensError as error:
        st.error(literal(error), title="This search did not work")
        asked = None
    if asked is None:
        show_collection(opened, wanted.options["where"], address, label)
    else:
        show_answer(asked, len(opened.ids(wanted.options["where"])), same_only=wanted.options["same_only"])


def known_picture(opened: Opened, address: Address, name: str) -> PictureRecord | None:
    """The picture of the index that a parameter of the address names, if it names one."""
    picture_id = address.picture(name)
    if picture_id is None:
        return None
    try:
        return opened.engine.picture(picture_id)
    except QueryError:
        address.complain(name, "in the address is not a picture of this index: it may have been removed")
        return None


def main() -> None:
    """The page, from top to bottom; Streamlit runs it again after every click."""
    st.set_page_config("Twinlens", page_icon=LOGO, layout="wide")
    st.session_state.setdefault("uploads", 0)
    head, drop = st.columns([2, 3], vertical_alignment="center", gap="large")
    head.title("Twinlens", anchor=False)
    folder = index_folder()
    if folder is None:
        show_missing("No index was named.")
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
