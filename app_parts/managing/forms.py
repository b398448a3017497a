"""Forms that start jobs: make an index, add pictures, sync, rebuild, check."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.managing.chosen_index import chosen
from app_parts.server_jobs import jobs
from app_parts.tiles import literal, plain
from indexer.jobs.request import JobRequest, typed_path
from search import TwinlensError
from search.config import BuildConfig
from search.encoders import available
from search.indexes import AUTO, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMORY = 1_000_000
"""Largest limit of memory that the form takes, in MiB."""


def show_changes(index: str) -> None:
    """The forms for an index that is open."""
    st.header("Change the index", anchor=False)
    st.caption("Work runs beside the app: searches continue, and a reload of this page does not stop it.")
    add, sync, rebuild, check, new = st.tabs(["Add", "Sync", "Rebuild", "Check", "New index"])
    with add:
        _pictures_form("add", index, "Add pictures", "Pictures of a folder are added. Nothing is removed.")
    with sync:
        _pictures_form(
            "sync",
            index,
            "Sync",
            "Makes the index hold exactly the pictures of the folder: added, changed, moved, removed.",
        )
    with rebuild:
        _rebuild_form(index)
    with check, st.form("check-form", border=False):
        st.text("Reads every byte of the index, and reports damage.")
        _submit("Check", lambda: JobRequest("check", _absolute(index)))
    with new:
        show_creation(None)


def show_creation(index: str | None) -> None:
    """The form that makes an index; `index` is its folder if the app was started with one that does not exist."""
    with st.form("create-form", border=False):
        pictures = st.text_input(
            "Folder of pictures",
            key="create-pictures",
            placeholder="/home/me/pictures",
            help="A folder of the machine that runs this app, searched with all its subfolders.",
        )
        place = st.text_input(
            "Folder of the index",
            value="" if index is None else _absolute(index),
            key="create-index",
            placeholder="beside the pictures: /home/me/pictures.index",
            disabled=index is not None,
        )
        names = [entry.name for entry in available() if entry.installed and not entry.name.endswith(":NAME")]
        names.sort(key=lambda name: name != BuildConfig.default_encoder)  # the first is chosen
        encoder = st.selectbox("Encoder", names, key="create-encoder", format_func=_encoder_label)
        labels = st.radio(
            "Labels", ["folder", "none"], key="create-labels", horizontal=True, format_func=_LABELS.__getitem__
        )

        def request() -> JobRequest:
            source = typed_path(pictures)
            target = typed_path(place) if place.strip() else f"{source.rstrip('/')}.index"
            return JobRequest("build", _absolute(target), source, encoder=encoder, labels=labels)

        _submit("Make the index", request, use=True)


def show_how_to_enable(index: str | None) -> None:
    """Say how to start the app so that it may change indexes."""
    st.header("Make an index in the browser" if index is None else "Change the index", anchor=False)
    st.markdown(
        "This app only reads. Start it with `--manage` to make, add to, sync, rebuild and check an index in the "
        "browser: every visitor of the app can then read folders of this machine."
    )
    where = "" if index is None else f" --index {shlex.quote(plain(index))}"
    st.code(f"twinlens app{where} --manage", language=None, wrap_lines=True)


_LABELS = {"folder": "the folder of each picture", "none": "none"}


def _encoder_label(name: str) -> str:
    entry = next(each for each in available() if each.name == name)
    download = "; weights are downloaded when first used" if entry.download else ""
    return f"{name}: {entry.job}{download}"


def _pictures_form(verb: str, index: str, label: str, purpose: str) -> None:
    with st.form(f"{verb}-form", border=False):
        st.text(purpose)
        pictures = st.text_input(
            "Folder or picture" if verb == "add" else "Folder of pictures",
            key=f"{verb}-pictures",
            placeholder="/home/me/pictures",
        )
        _submit(label, lambda: JobRequest("add" if verb == "add" else "sync", _absolute(index), typed_path(pictures)))


def _rebuild_form(index: str) -> None:
    with st.form("rebuild-form", border=False):
        st.text("Merges all segments into one and chooses the structure again. Nothing is embedded.")
        kind = st.selectbox("Kind", [AUTO, *KINDS], key="rebuild-kind")
        recall = st.slider("Target recall@10", 0.5, 1.0, BuildConfig.recall, 0.01, key="rebuild-recall")
        memory = st.number_input(
            "Most memory of the structure, in MiB",
            min_value=1,
            max_value=MOST_MEMORY,
            value=None,
            step=1,
            key="rebuild-memory",
            placeholder="no limit",
            help="Limits what auto may choose.",
        )
        limit = None if memory is None else int(memory) * 2**20
        _submit(
            "Rebuild", lambda: JobRequest("rebuild", _absolute(index), kind=kind, recall=float(recall), memory=limit)
        )


def _submit(label: str, request: Callable[[], JobRequest], *, use: bool = False) -> None:
    """The button of a form: it starts a job, or shows why it cannot; `use` shows a new index in an app without one."""
    if not st.form_submit_button(label):
        return
    try:
        asked = request()
        jobs().start(asked)
    except TwinlensError as error:
        st.error(literal(error))
        return
    if use:
        chosen().index = asked.index
    st.rerun()


def _absolute(index: str) -> str:
    return os.fspath(Path(index).absolute())
