"""The pictures that a lasso holds, and what can be done with them."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import indexer
from app_parts.map.area import area_text
from app_parts.map.tables import MOST_FILES, archive_of, csv_of, json_of
from app_parts.menu import go
from app_parts.search.picture import full_link
from app_parts.tiles import file_tile, literal, plain, show_tile
from search import TwinlensError
from search.files.writing import write_file
from search.filters.columns import BUILT_IN
from search.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app_parts.map.selection import Corner
    from app_parts.shared_index import SharedIndex

PAGE = 24
"""Pictures per page."""


def show_chosen(opened: SharedIndex, ids: Sequence[int], corners: Sequence[Corner], *, manage: bool) -> None:
    """Show the pictures with these ids, ascending, and offer to search among them, to export and to label them."""
    st.header(f"{counted(len(ids), 'picture')} selected", anchor=False)
    if not ids:
        st.info("The selection holds no picture. Draw around some points.")
        return
    with st.container(horizontal=True):
        if st.button("Search among them", icon=":material/search:"):
            go("search", area=area_text(corners))
        _offer_files(opened, ids)
    if manage:
        _offer_label(opened, ids)
    pages = -(-len(ids) // PAGE)
    place = st.container()
    page = st.pagination(pages, key=f"chosen-page-{hash(tuple(ids))}") if pages > 1 else 1
    with place, st.grid(columns=8, min_column_width=85) as grid:
        for record in opened.pictures(ids[(page - 1) * PAGE : page * PAGE]):
            with grid.cell(), st.container(gap=None):
                show_tile(file_tile(opened.file(record)), record.path, "Selected", link=full_link(record.id))
                st.caption(literal(record.label or record.path.name))


def _offer_files(opened: SharedIndex, ids: Sequence[int]) -> None:
    engine, too_many = opened.engine, len(ids) > MOST_FILES
    for kind, made, mime in (
        ("CSV", csv_of, "text/csv"),
        ("JSON", json_of, "application/json"),
        ("ZIP", partial(archive_of, file_of=opened.file), "application/zip"),
    ):
        bounded = kind == "ZIP" and too_many
        st.download_button(
            kind,
            partial(made, engine, ids),
            f"pictures.{kind.lower()}",
            mime,
            icon=":material/download:",
            on_click="ignore",
            disabled=bounded,
            help=f"At most {MOST_FILES:,} files." if bounded else None,
        )


def _offer_label(opened: SharedIndex, ids: Sequence[int]) -> None:
    """Let the visitor write a value into a column of metadata, which a later sync keeps; labels come from the files."""
    with st.form("chosen-label", border=True):
        st.caption("Label the selected pictures: write a value into a column of the metadata.")
        column, value, done = st.columns([2, 3, 1], vertical_alignment="bottom")
        name = column.text_input("Column", "group", max_chars=100)
        text = value.text_input("Value", max_chars=1_000)
        if done.form_submit_button("Label them", width="stretch") and name.strip() and text.strip():
            _label(opened, ids, name.strip(), text.strip())


def _label(opened: SharedIndex, ids: Sequence[int], name: str, text: str) -> None:
    if name in BUILT_IN:
        st.error(f"{literal(name)} is a built-in column. Name another one.")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.jsonl"
        write_file(file, "".join(json.dumps({"id": key, name: text}) + "\n" for key in ids))
        try:
            report = indexer.load_metadata(opened.info.path, file)
        except TwinlensError as error:
            st.error(literal(error))
            return
    st.toast(f"{counted(report.rows, 'picture')}: {literal(name)} is {literal(plain(text))}")
    st.rerun()
