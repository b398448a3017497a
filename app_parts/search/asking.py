"""The one place to ask: paste, drop or attach pictures, describe one, or take a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.search.filters import quoted
from app_parts.search.picking import ask, ask_also
from app_parts.tiles import literal
from search import TwinlensError
from search.encoders.foreign import is_foreign
from search.filters.language import parse_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.search.question import Question
    from app_parts.shared_index import SharedIndex

MOST_WORDS = 6
"""Words of a text that become a filter; further ones are ignored."""
WILD = str.maketrans({each: f"[{each}]" for each in "*?["})
"""Replaces the wildcards of `glob` by patterns that match only themselves."""


def show_ask_box(opened: SharedIndex, question: Question) -> None:
    """Show the place to ask; what is asked becomes the question of the next run."""
    if is_foreign(opened.info.fingerprint):
        st.info(
            f"The vectors of this index were made elsewhere, by {literal(opened.info.encoder)}: an uploaded picture"
            " cannot be compared with them. Search with a picture of the collection."
        )
        with st.container(key="ask"):
            st.chat_input("Words in a label or a path", key="asked", on_submit=submit, args=(opened, question))
        return
    opened.warm()
    with st.container(key="ask"):
        written, uploaded, photo = st.columns([6, 2, 2], vertical_alignment="center", gap="small")
        with written:
            st.chat_input(
                "Paste or drop pictures, or describe one"
                if opened.embeds_text
                else "Paste or drop pictures, or type a filter",
                key="asked",
                accept_file="multiple",
                on_submit=submit,
                args=(opened, question),
            )
        with uploaded:
            key = f"upload-{st.session_state.setdefault('uploads', 0)}"  # a new key makes a new, empty uploader
            st.file_uploader(
                "Upload or drop pictures",
                accept_multiple_files=True,
                key=key,
                on_change=take_files,
                args=(key, question),
                label_visibility="collapsed",
            )
        with photo:
            show_camera(question)


def submit(opened: SharedIndex, question: Question) -> None:
    """Search with what was typed, pasted and attached; words that the encoder does not embed become a filter."""
    asked = st.session_state.asked
    text, files = (asked, []) if isinstance(asked, str) else (asked.text, asked.files)
    text = text.strip()
    if text and not opened.embeds_text:
        change(where=words_filter(opened, text), page=None)
        text = ""
    if text or files:
        take(files, text, question)


def words_filter(opened: SharedIndex, text: str) -> str:
    """A filter of what was typed: itself if it is one, otherwise all words in the label or the path, in any case."""
    try:
        opened.ids(parse_where(text))
    except TwinlensError:
        return " and ".join(_named(word) for word in text.split()[:MOST_WORDS])
    return text


def _named(word: str) -> str:
    pattern = "".join(f"[{c.lower()}{c.upper()}]" if c.lower() != c.upper() else c.translate(WILD) for c in word)
    return f"(label glob {quoted(f'*{pattern}*')} or path glob {quoted(f'*{pattern}*')})"


def take_files(key: str, question: Question) -> None:
    """Search with uploaded files, and empty the uploader: the question shows them."""
    files = st.session_state.get(key)
    st.session_state.uploads += 1
    if files:
        take(files if isinstance(files, list) else [files], "", question)


def take(files: Sequence[UploadedFile], text: str, question: Question) -> None:
    """Search with these, or add them to the question if the visitor chose so."""
    if question.parts and st.session_state.get("adding"):
        ask_also(files, text, question)
    else:
        ask(files, text)


def show_camera(question: Question) -> None:
    """Offer the camera; the browser asks for permission only once it is wanted."""
    if not st.session_state.get("camera_open"):
        st.button(
            "Take a photo",
            icon=":material/photo_camera:",
            key="camera",
            on_click=open_camera,
            args=(True,),
            width="stretch",
        )
        return
    key = f"photo-{st.session_state.uploads}"
    with st.container(width=320):
        st.camera_input("A photo", key=key, on_change=take_files, args=(key, question), label_visibility="collapsed")
        st.button("Close the camera", icon=":material/close:", key="camera", on_click=open_camera, args=(False,))


def open_camera(opened: bool) -> None:
    """Show or hide the camera."""
    st.session_state.camera_open = opened
