"""The two pictures to compare: each is uploaded, or picked from the collection and named in the address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import streamlit as st

from app_parts.address import change
from app_parts.search.picture import full_link
from app_parts.search.question import known_picture
from app_parts.thumbnails import TILE
from app_parts.tiles import Tile, file_tile, ground, literal, plain, short, show_tile, tile
from search import PictureError
from search.encoders.foreign import is_foreign
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.address import Address
    from app_parts.picture_files import PictureFile
    from app_parts.shared_index import SharedIndex
    from search.types import Floats

Letter: TypeAlias = Literal["a", "b"]
LETTERS: tuple[Letter, Letter] = ("a", "b")
"""Names of the two pictures in the address."""
WORDS = {"a": "First picture", "b": "Second picture"}
_REMEMBERED = 4
"""Uploads whose embeddings a visit remembers."""


class Side(NamedTuple):
    """One of the two pictures, with its embedding `(D,)`."""

    key: str
    """Different for different pictures of one visit."""
    name: str
    facts: str
    tile: Tile
    vector: Floats
    picture: PictureFile | UploadedFile
    id: int | None = None
    """None for an upload."""


def offer_side(opened: SharedIndex, address: Address, letter: Letter) -> Side | None:
    """Show the picture, or how to choose it; None if there is none, or it cannot be read."""
    st.header(WORDS[letter], anchor=False)
    if address.values.get(letter) and st.session_state.get(_upload_key(letter)) is not None:
        _forget_upload(letter)  # an upload clears the address, so the visitor went back to it
    record = known_picture(opened.engine, address, letter)
    if record is not None:
        facts = [f"picture {record.id}", plain(record.label or "no label"), f"{record.width} × {record.height} pixels"]
        vector = opened.engine.vector(record.id)
        file = opened.file(record)
        side = Side(str(record.id), str(record.path), " · ".join(facts), file_tile(file), vector, file, record.id)
        return _shown(letter, side)
    if is_foreign(opened.info.fingerprint):
        st.info("The vectors of this index were made elsewhere: compare two pictures of the collection.")
        return None
    upload = st.file_uploader(
        f"Upload or drop the {WORDS[letter].lower()}", key=_upload_key(letter), on_change=change, kwargs={letter: None}
    )
    if upload is None:
        return None
    try:
        return _shown(letter, _uploaded(opened, upload))
    except PictureError as error:
        st.error(literal(error))
        return None


def use(picture_id: int) -> None:
    """Compare a picture of the collection; it takes the first place that is free."""
    taken = [letter for letter in LETTERS if _is_taken(letter)]
    letter = next((letter for letter in LETTERS if letter not in taken), LETTERS[1])
    change(**{letter: str(picture_id)}, page=None)


def swap_out(letter: Letter) -> None:
    """Make a place free for another picture."""
    _forget_upload(letter)
    change(**{letter: None}, threshold=None)


def _is_taken(letter: Letter) -> bool:
    return letter in st.query_params or st.session_state.get(_upload_key(letter)) is not None


def _shown(letter: Letter, side: Side) -> Side:
    show_tile(side.tile, side.name, WORDS[letter], link=None if side.id is None else full_link(side.id))
    st.text(short(side.name if side.id is None else Path(side.name).name))
    st.caption(literal(side.facts))
    st.button("Other picture", key=f"other-{letter}", icon=":material/close:", on_click=swap_out, args=(letter,))
    return side


def _uploaded(opened: SharedIndex, upload: UploadedFile) -> Side:
    """Embed an upload once per visit, because the page is drawn again for every step of the slider."""
    known: dict[tuple[str, str], Side] = st.session_state.setdefault("compared_uploads", {})
    key = (upload.file_id, f"{opened.info.fingerprint} {ground()}")
    if key not in known:
        with st.spinner("Looking at the picture …"):
            vector = opened.engine.embed(upload)
            upload.seek(0)
            image = load_picture(upload, target=TILE)
        width, height = image.info["full_size"]
        facts = f"uploaded · {width} × {height} pixels"
        known[key] = Side(upload.file_id, upload.name, facts, tile(image, ground()), vector, upload)
        while len(known) > _REMEMBERED:
            del known[next(iter(known))]
    return known[key]._replace(picture=upload)


def _upload_key(letter: Letter) -> str:
    """The uploader's key; a new one makes a new, empty uploader."""
    return f"compare-{letter}-{st.session_state.get(f'compare_uploads_{letter}', 0)}"


def _forget_upload(letter: Letter) -> None:
    name = f"compare_uploads_{letter}"
    st.session_state[name] = st.session_state.get(name, 0) + 1
